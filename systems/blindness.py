"""Sources that are switched off for a while, to see what is made of a system without them: a probe by its name, or the
ledger of changes. It ends by itself, so that nobody is left blind by a game day that was killed. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

LEDGER = "changes"


def switched_off(sources: Collection[str], until: datetime) -> dict[str, Any]:
    """As `System.blind` keeps it."""
    return {"sources": sorted(sources), "until": until.isoformat()}


def blind_to(kept: Mapping[str, Any], now: datetime) -> frozenset[str]:
    """The sources that are switched off now."""
    if not kept or now >= datetime.fromisoformat(kept["until"]):
        return frozenset()
    return frozenset(kept["sources"])
