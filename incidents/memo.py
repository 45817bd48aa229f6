"""Values that many ask for at once and that are made once: a page's part, a week in figures. One memory per process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.db import connections

T = TypeVar("T")
log = logging.getLogger(__name__)

SHARE = 0.05
MOST = 400  # values; beyond that the oldest go


class _Kept:
    """`begun`: on the monotonic clock, when the making of `value` began; None: there is none yet. `took`: seconds."""

    __slots__ = ("begun", "lock", "took", "value")

    def __init__(self) -> None:
        self.begun: float | None = None
        self.took = 0.0
        self.value: Any = None
        self.lock = threading.Lock()


class Memo:
    """`get` makes a value in the thread that asks first; who asks meanwhile waits for that one."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, seconds: float, make: Callable[[], T], *, last_s: float = 0.0) -> T:
        """One whose making began at most `seconds` before this call. `last_s`: while a newer one is being made, one
        that is no older than this does. What `make` raises reaches who made; the next one tries again."""
        asked = time.monotonic()
        kept = self._of(key)
        if kept.begun is not None and kept.begun > asked - seconds:
            found: T = kept.value
            return found
        does = kept.begun is not None and kept.begun > asked - last_s
        if not kept.lock.acquire(blocking=not does):
            old: T = kept.value
            return old
        try:
            if kept.begun is None or kept.begun <= asked - seconds:
                _make(kept, make)
            made: T = kept.value
            return made
        finally:
            kept.lock.release()

    def behind(self, key: Hashable, seconds: float, make: Callable[[], T]) -> T:
        """What is slow to make: only the first who asks waits. Later the last one does, and a thread makes it anew, at
        most every `seconds` and for at most SHARE of the time."""
        kept = self._of(key)
        if kept.begun is None:
            return self.get(key, seconds, make)
        found: T = kept.value
        due = kept.begun + max(seconds, kept.took / SHARE)
        if time.monotonic() > due and kept.lock.acquire(blocking=False):
            threading.Thread(target=_make_behind, args=(kept, make), name=f"anew-{key}", daemon=True).start()
        return found

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()

    def _of(self, key: Hashable) -> _Kept:
        with self._lock:
            kept = self._kept.pop(key, None) or _Kept()
            self._kept[key] = kept  # the last of the dictionary: the first is who was asked for least lately
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
            return kept


def _make(kept: _Kept, make: Callable[[], Any]) -> None:
    begun = time.monotonic()
    kept.value = make()
    kept.begun, kept.took = begun, time.monotonic() - begun


def _make_behind(kept: _Kept, make: Callable[[], Any]) -> None:
    """With the lock held. What goes wrong is tried again after the same while."""
    try:
        _make(kept, make)
    except Exception:
        log.exception("the last value stays")
        kept.begun = time.monotonic()
    finally:
        kept.lock.release()
        connections.close_all()


memo = Memo()
