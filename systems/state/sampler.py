"""Reads every source of one system on its own beat, and hands what is different to the ledger's rows.

Nothing here holds up a tick: each source has a task of its own, with one read in flight, and what blocks runs in
threads. A source that fails or is slow is asked less often. While the database of the portal is away, the state stays
as it was written, so that what changed meanwhile is found when it is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import connections

from systems import patient, redact, threads
from systems.probes.base import Clock
from systems.redact import Redactor
from systems.services import LoadedSystem
from systems.state import kept, urgent
from systems.state.facts import Read, Source
from systems.state.originals import Originals
from systems.state.settled import Settled
from systems.state.types import Change

log = logging.getLogger(__name__)

REST_S = 60.0  # asked at least this often, however slow it is
SOON_S = 0.7  # while trouble is told of, not more often than that
AT_ONCE_S = 0.05  # ... but the first time at once: what changed is wanted before anybody thinks about it
TOUCH_S = 60.0
HOUSE_S = 6 * 3600.0
MOST_AN_HOUR = 600  # changes of one system; what is more is not kept
STARVED = 3  # so many times less often while the watcher gets too little of the machine
ROOM = "ledger"
CLOSE_S = 0.5


@dataclass(slots=True)
class Beat:
    """One source and how it is asked."""

    source: Source
    settled: Settled
    version: int = 0
    loaded: bool = False
    pause_s: float = 0.0
    asked: float = -1e9
    reads: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: str = ""  # why it could not be read last


class Sampler:
    """The ledger's watch over one system. `now`: epoch seconds; `clock`: a steady clock."""

    def __init__(
        self,
        system: LoadedSystem,
        sources: Sequence[Source],
        *,
        now: Callable[[], float] = time.time,
        clock: Clock = time.monotonic,
        starved: Callable[[], bool] = lambda: False,
    ) -> None:
        assert system.id is not None
        self.system, self.id = system, system.id
        self.now, self.clock, self.starved = now, clock, starved
        self.beats = [Beat(source, Settled(source.name), pause_s=source.every_s) for source in sources]
        self.originals = Originals(system)
        self.peace = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._written: list[float] = []
        self._housekept = clock() - HOUSE_S

    async def run(self) -> None:
        """Read for ever."""
        self._loop = asyncio.get_running_loop()
        urgent.hear(self.system.slug, self._told)
        try:
            async with asyncio.TaskGroup() as group:
                for number, beat in enumerate(self.beats):
                    group.create_task(self._keep_reading(beat, number * 0.13))
                group.create_task(self._keep_house())
        finally:
            urgent.leave(self.system.slug, self._told)
            await patient.ended([asyncio.create_task(self.close())], CLOSE_S)

    async def close(self) -> None:
        for beat in self.beats:
            try:
                await beat.source.close()
            except Exception as error:
                log.info("%s of %s: %s", beat.source.name, self.system.slug, error)

    async def read_all(self) -> list[Change]:
        """Each source once, now. What is different is written, and given."""
        found = []
        for beat in self.beats:
            found += await self.read(beat)
        return found

    def _told(self, trouble: bool) -> None:
        """From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heard, trouble)

    def _heard(self, trouble: bool) -> None:
        self.peace = not trouble
        for beat in self.beats if trouble else ():
            beat.settled.forgive(self.now() - 120.0)
            beat.wake.set()

    async def _keep_reading(self, beat: Beat, first_s: float) -> None:
        await asyncio.sleep(first_s)
        while True:
            try:
                await self.read(beat)
            except Exception:
                log.exception("the ledger of %s: %s failed", self.system.slug, beat.source.name)
            pause = beat.pause_s * (STARVED if self.starved() else 1)
            try:
                async with asyncio.timeout(pause):
                    await beat.wake.wait()
                await asyncio.sleep(max(AT_ONCE_S, SOON_S - (self.clock() - beat.asked)))
            except TimeoutError:
                pass
            beat.wake.clear()

    async def read(self, beat: Beat) -> list[Change]:
        """One read of one source, and what comes of it."""
        if not beat.loaded and not await self._load(beat):
            return []
        began = self.now()
        at = beat.asked = self.clock()
        beat.reads += 1
        try:
            async with asyncio.timeout(beat.source.timeout_s):
                read = await beat.source.read()
            beat.source.last = {**beat.source.last, **read}
            beat.trouble = ""
        except Exception as error:  # unknown, never a change
            self._not_read(beat, error)
            return []
        spent = self.clock() - at
        slow = spent > beat.source.slow_s
        beat.pause_s = (
            min(REST_S, max(beat.pause_s, beat.source.every_s) * 2) if slow else beat.source.every_s
        )
        if beat.settled.same(read, began):
            return []
        return await self._take(beat, read, began)

    def _not_read(self, beat: Beat, error: Exception) -> None:
        beat.pause_s = min(REST_S, max(beat.pause_s, beat.source.every_s) * 1.5)
        reason = f"{type(error).__name__}: {error}"[:200]
        if reason != beat.trouble:
            log.info("the ledger of %s cannot read %s (%s)", self.system.slug, beat.source.name, reason)
        beat.trouble = reason

    async def _take(self, beat: Beat, read: Read, began: float) -> list[Change]:
        def job() -> list[Change]:
            try:
                changes = beat.settled.take(
                    read, began, self.now(), self._redactor, peace=self.peace, pinned=beat.source.pinned
                )
                changes = self._capped(changes)
                self._keep(read)
                beat.version = kept.save(self.id, beat.settled, beat.version, changes)
                return changes
            finally:
                connections.close_all()

        try:
            return await asyncio.wrap_future(threads.submit(self.system.slug, ROOM, job))
        except Exception as error:  # the state is read back, and the difference found again
            beat.loaded = False
            beat.pause_s = min(REST_S, max(1.0, beat.pause_s))
            if not isinstance(error, kept.Overtaken):
                log.warning("changes of %s are not stored (%s); trying again", self.system.slug, error)
            return []

    def _keep(self, read: Read) -> None:
        try:
            self.originals.keep(read)
        except OSError as error:  # the ledger is worth more
            log.warning("values of %s are not kept: %s", self.system.slug, error)

    async def _load(self, beat: Beat) -> bool:
        """False: not now."""

        def job() -> tuple[Settled, int]:
            try:
                return kept.load(self.id, beat.source.name)
            finally:
                connections.close_all()

        try:
            beat.settled, beat.version = await asyncio.wrap_future(
                threads.submit(self.system.slug, ROOM, job)
            )
        except Exception as error:
            self._not_read(beat, error)
            return False
        beat.loaded = True
        return True

    def _redactor(self) -> Redactor:
        return redact.for_system(self.system)

    def _capped(self, changes: list[Change]) -> list[Change]:
        at = self.clock()
        self._written = [t for t in self._written if at - t < 3600.0]
        room = MOST_AN_HOUR - len(self._written)
        self._written += [at] * min(room, len(changes))
        if len(changes) > room:
            log.warning("more than %d changes of %s in an hour: %d are not kept", MOST_AN_HOUR, self.system.slug,
                        len(changes) - room)  # fmt: skip
        return changes[: max(0, room)]

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_S)
            try:
                await asyncio.wrap_future(threads.submit(self.system.slug, ROOM, self.keep_house))
            except Exception as error:
                log.info("the ledger of %s: %s", self.system.slug, error)

    def keep_house(self) -> None:
        """Note how far each source was read; now and then drop what is old."""
        try:
            looks = {
                b.source.name: kept.looked_at(b.settled) for b in self.beats if b.loaded and b.settled.areas
            }
            kept.touch(self.id, looks)
            if self.clock() - self._housekept > HOUSE_S:
                self._housekept = self.clock()
                kept.forget_old()
                self.originals.keep_house()
        finally:
            connections.close_all()
