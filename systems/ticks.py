"""A tick, and its way to those who want it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from systems.readings import Reading
from systems.runtimes.base import RuntimeEvent
from systems.services import LoadedSystem
from systems.store import Batch

log = logging.getLogger(__name__)

BUFFER = 300  # ticks kept for a receiver that is away


@dataclass(slots=True)
class Tick:
    """What was observed of one system. `mini`: only of the units that `events` are about. `starved`: the watcher
    itself had too little of the machine, so what is slow or silent may be so here only."""

    system: LoadedSystem
    at: datetime
    readings: list[Reading]
    events: list[RuntimeEvent] = field(default_factory=list)
    mini: bool = False
    batch: Batch | None = None
    starved: bool = False


Handler = Callable[[Tick], Awaitable[None] | None]


AWAY = (OSError, psycopg.Error)  # but for psycopg.DataError


def name_of(handler: Handler) -> str:
    """What a receiver is called in the log."""
    return getattr(handler, "__qualname__", type(handler).__name__)


class Outlet:
    """Delivers ticks to one receiver, in order. The oldest are dropped when it stays behind."""

    def __init__(self, name: str, send: Handler, *, retry: bool = False) -> None:
        self.name = name
        self._send = send
        self._retry = retry
        self._queue: deque[Tick] = deque()
        self._wake = asyncio.Event()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Ticks that have yet to be taken."""
        return len(self._queue)

    def put(self, tick: Tick) -> None:
        if len(self._queue) >= BUFFER:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(tick)
        self._wake.set()

    async def deliver(self, tick: Tick) -> bool:
        """Whether the receiver is done with it; what it raises is logged. Who is away may take it later; what it cannot
        take it never will, and the next ones must not wait for that."""
        try:
            result = self._send(tick)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            log.exception("%s failed on a tick of %s", self.name, tick.system.slug)
            if not self._retry or (isinstance(error, AWAY) and not isinstance(error, psycopg.DataError)):
                return False
            self.dropped += 1
        return True

    async def run(self) -> None:
        """Deliver for ever. A receiver that must not miss a tick gets it again, with growing pauses."""
        pause = 0.5
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                tick = self._queue[0]
                if await self.deliver(tick) or not self._retry:
                    if self._queue and self._queue[0] is tick:
                        self._queue.popleft()
                    pause = 0.5
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 5.0)

    async def drain(self, patience_s: float) -> None:
        """Deliver what is still queued, for at most `patience_s`."""
        try:
            async with asyncio.timeout(patience_s):
                while self._queue and await self.deliver(self._queue[0]):
                    self._queue.popleft()
        except TimeoutError:
            log.warning("%s did not take the last %d ticks", self.name, len(self._queue))
