"""The walk along the audit log for a page that asks for it: a worker does it, the page looks how far it is.

What it found is kept in the cache for a while. Losing it, or the wake-up, costs asking again.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from django.core.cache import cache

from actions import audit_verify

KEY = "audit-checked"
KEEP_S = 3600
STALE_S = 120.0  # nothing was heard of it for so long: it may be asked for again
SAY_EVERY = 5000  # rows


def ask(by: str) -> bool:
    """Note that it is wanted. False when one is under way already."""
    state = now()
    if state and not state["done"] and time.time() - state["at"] < STALE_S:
        return False
    _say(done=False, rows=0, by=by, begun=False)
    return True


def run() -> None:
    """By a worker. What goes wrong with the walk itself is told as well."""
    try:
        report = audit_verify.verify(on_rows=lambda n: _say(done=False, rows=n, begun=True), every=SAY_EVERY)
    except Exception as error:
        _say(done=True, failed=f"{type(error).__name__}: {error}")
        raise
    _say(done=True, report=asdict(report) | {"ok": report.ok})


def now() -> dict[str, Any] | None:
    """{"done", "at", "rows" or "report" or "failed"}; None when nobody has asked lately. `at`: epoch seconds."""
    found: dict[str, Any] | None = cache.get(KEY)
    return found


def _say(**facts: Any) -> None:
    cache.set(KEY, {"at": time.time(), **facts}, KEEP_S)
