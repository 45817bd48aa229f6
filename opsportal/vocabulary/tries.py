"""Trying an entry, in a thread of the web process: one at a time, told of in the cache while it goes on."""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from knowledge.vocabulary import trying
from knowledge.vocabulary.spec import Spec
from systems import threads
from systems.services import LoadedSystem

log = logging.getLogger(__name__)

KEY = "vocabulary:try:{}"
KEEP_S = 900
HOURS = (1, 3, 6)
TOKEN_CHARS = 40
_one = threading.Lock()


class Busy(RuntimeError):
    """Another one is being tried."""


def start(system: LoadedSystem, spec: Spec, hours: int, by: str) -> str:
    """Begin; returns the token to ask with. Busy: look again in a moment."""
    if not _one.acquire(blocking=False):
        raise Busy("another entry is being tried just now: wait for it to end, then try again")
    token = secrets.token_urlsafe(16)
    try:
        until = timezone.now()
        _say(token, {"by": by, "share": 0.0})
        threads.submit(
            "the portal", "tries", _run, token, by, system, spec, until - timedelta(hours=hours), until
        )
    except BaseException:
        _one.release()
        raise
    return token


def state(token: str, by: str) -> dict[str, Any] | None:
    """What is known of it: `share` done, and `found` (as `trying.Tried`) or `trouble` once it is over. None: it was not
    theirs, or is forgotten."""
    found: dict[str, Any] | None = cache.get(KEY.format(token)) if len(token) <= TOKEN_CHARS else None
    return found if found is not None and found["by"] == by else None


def _say(token: str, told: dict[str, Any]) -> None:
    cache.set(KEY.format(token), told, KEEP_S)


def _run(token: str, by: str, system: LoadedSystem, spec: Spec, since: datetime, until: datetime) -> None:
    try:
        found = trying.replay(
            system, spec, since, until, lambda share: _say(token, {"by": by, "share": round(share, 2)})
        )
        _say(token, {"by": by, "share": 1.0, "found": asdict(found) | {"times": found.times}})
    except Exception as error:
        log.exception("an entry could not be tried")
        _say(
            token,
            {"by": by, "share": 1.0, "trouble": f"it could not be tried ({type(error).__name__}): try again"},
        )
    finally:
        _one.release()
        connections.close_all()
