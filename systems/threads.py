"""Threads for what blocks, in small rooms: one patient's silence, or one kind of question, holds up no other.

A room whose threads hang is abandoned and the next caller gets a new one; the hung threads end with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PER_ROOM = 4

_rooms: dict[tuple[str, str], ThreadPoolExecutor] = {}
_lock = threading.Lock()


def submit(slug: str, room: str, job: Callable[P, T], *args: P.args, **named: P.kwargs) -> Future[T]:
    """Run `job` in a thread of this room of this system."""
    with _lock:
        pool = _rooms.get((slug, room))
        if pool is None:
            pool = ThreadPoolExecutor(PER_ROOM, thread_name_prefix=f"{slug}-{room}")
            _rooms[slug, room] = pool
        return pool.submit(job, *args, **named)


def abandon(slug: str) -> None:
    """Give up all rooms of a system: what waits is cancelled, what runs is left to itself."""
    with _lock:
        pools: list[Any] = [_rooms.pop(key) for key in list(_rooms) if key[0] == slug]
    for pool in pools:
        pool.shutdown(wait=False, cancel_futures=True)
