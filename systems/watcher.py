"""The watcher: ticks once a second over every system, pushes runtime events through at once, and hands the readings on.

Nothing downstream can hold it up: the store and every handler have a bounded queue and a task of their own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from django.db import connections

from systems import patient, queries, starved, threads
from systems.probes.base import Clock
from systems.readings import Reading
from systems.runtimes.base import RuntimeEvent
from systems.services import LoadedSystem
from systems.state.beside import sampler_for
from systems.store import Batch, Store
from systems.ticks import Handler, Outlet, Tick, name_of
from systems.watch import SystemWatch, Timing

__all__ = ["Handler", "Tick", "Watcher"]

log = logging.getLogger(__name__)

GRACE_S = 0.35  # how long a tick waits for its probes; what is later counts for the next one
STEPS = 2  # probes are started this often per tick, for intervals such as 1.5 s
RELOAD_S = 5.0
LOAD_S = 10.0  # reading the list of systems may take so long
DROP_S = 2.0
DRAIN_S = 0.5
STUCK_S = 15.0  # a system without a tick for so long is watched anew
OWN = "the watcher"  # the threads of its own


class Watcher:
    """Watches every system that `system_loader` returns (called now and then, in a thread).

    `on_tick` handlers get every Tick, one at a time and in order; plain functions run in the event loop and must be
    quick. `persist=False` leaves the database alone. `timing` hears how late each look was."""

    def __init__(
        self,
        system_loader: Callable[[], Sequence[LoadedSystem]],
        on_tick: Sequence[Handler] = (),
        *,
        persist: bool = True,
        interval_s: float = 1.0,
        clock: Clock = time.monotonic,
        now: Callable[[], float] = time.time,
        strain: starved.Watch | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._loader = system_loader
        self._interval = interval_s
        self._clock = clock
        self._now = now
        self._timing = timing
        self.strain = strain or starved.Watch()
        self._watches: dict[str, SystemWatch] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        self.store = Store(lambda: datetime.fromtimestamp(now(), UTC)) if persist else None
        self._handlers = list(on_tick)
        self._outlets: dict[str, list[Outlet]] = {}  # of each system its own, so that none waits for another
        self._stored = Outlet("the store", self._write, retry=True) if self.store is not None else None
        self._changing = asyncio.Lock()
        self.looked_at: dict[str, float] = {}  # epoch seconds of each system's last tick, or of its start
        self._ticked: dict[str, float] = {}  # the same on the steady clock

    @property
    def unstored(self) -> tuple[int, int]:
        """Ticks that wait to be stored, and how many were left out."""
        return (self._stored.waiting, self._stored.dropped) if self._stored is not None else (0, 0)

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Watch until `stop` is set (or the task is cancelled)."""
        stop = stop or asyncio.Event()
        own = [asyncio.create_task(self.strain.run(), name="how much of the machine it gets")]
        if self._stored is not None:
            own.append(asyncio.create_task(self._stored.run(), name="the store"))
        own.append(asyncio.create_task(self._guard(), name="who is not looked at"))
        try:
            while not stop.is_set():
                await self._reload(start=True)
                try:
                    await asyncio.wait_for(stop.wait(), RELOAD_S)
                except TimeoutError:
                    continue
        finally:
            for task in own:
                task.cancel()
            await patient.ended(own, 0.5)
            await self.close()

    async def tick_once(self, *, everything: bool = True) -> list[Tick]:
        """One tick of every system, waited for to the end and delivered before this returns. For tests and tools."""
        await self._reload(start=False)
        ticks = []
        for watch in self._watches.values():
            began = time.perf_counter()
            await watch.start_due(everything=everything)
            await watch.settle(None)
            tick = self._tick(watch, watch.take(), [], ms=(time.perf_counter() - began) * 1000)
            for outlet in self._all_outlets(tick):
                await outlet.deliver(tick)
            ticks.append(tick)
        return ticks

    async def close(self) -> None:
        """Give back all connections. What does not end in time is left to itself."""
        drops = [asyncio.create_task(self._drop(slug)) for slug in self._watches]
        await patient.ended(drops, DROP_S + 2.0)
        if self.store is not None and self._stored is not None:
            await self._stored.drain(DRAIN_S)
            await patient.ended([asyncio.create_task(self.store.close())], 1.0)
        threads.abandon(OWN)

    # ---- systems come and go
    async def _reload(self, *, start: bool) -> None:
        try:
            async with asyncio.timeout(LOAD_S):  # a thread that hangs is left to itself
                found = await asyncio.wrap_future(threads.submit(OWN, "load", self._load))
            systems = {system.slug: system for system in found}
        except Exception:
            log.exception("the list of systems cannot be read; going on with %d known", len(self._watches))
            return
        async with self._changing:
            for slug, watch in list(self._watches.items()):
                if systems.get(slug) is not watch.system:
                    await self._drop(slug)
            for slug, system in systems.items():
                if slug not in self._watches:
                    await self._add(system, start=start)

    def _load(self) -> Sequence[LoadedSystem]:
        try:
            return self._loader()
        finally:
            connections.close_all()  # this thread's

    async def _add(self, system: LoadedSystem, *, start: bool) -> None:
        slug = system.slug
        watch = self._watches[slug] = SystemWatch(system, self._clock, self._now)
        watch.timing = self._timing
        outlets = self._outlets[slug] = [Outlet(name_of(handler), handler) for handler in self._handlers]
        self.looked_at[slug], self._ticked[slug] = self._now(), self._clock()
        if self.store is not None and system.id is not None:
            try:
                async with asyncio.timeout(LOAD_S):
                    known = threads.submit(OWN, "templates", _templates, system)
                    watch.seed_templates(await asyncio.wrap_future(known))
            except Exception:
                log.warning("earlier log templates of %s are not known", slug, exc_info=True)
        if start:
            starved = self.strain  # read settled values beside the ticks, where changes can be kept
            ledger = sampler_for(watch, lambda: starved.state.starved) if self.store is not None else None
            self._tasks[slug] = [
                asyncio.create_task(self._beat(watch), name=f"watch {slug}"),
                asyncio.create_task(self._listen(watch), name=f"events {slug}"),
                *(asyncio.create_task(o.run(), name=f"{o.name} of {slug}") for o in outlets),
            ]
            if ledger is not None:
                self._tasks[slug].append(asyncio.create_task(ledger.run(), name=f"ledger of {slug}"))

    async def _drop(self, slug: str) -> None:
        """Always returns within a few seconds, whatever hangs."""
        tasks = self._tasks.pop(slug, [])
        for task in tasks:
            task.cancel()
        await patient.ended(tasks, 1.0)
        watch, outlets = self._watches.pop(slug, None), self._outlets.pop(slug, [])
        self.looked_at.pop(slug, None)
        await asyncio.gather(*(outlet.drain(DRAIN_S) for outlet in outlets))
        if watch is not None:
            await patient.ended([asyncio.create_task(watch.close())], DROP_S)

    async def _guard(self) -> None:
        """Watch anew what has not been looked at for a while."""
        while True:
            await asyncio.sleep(self._interval)
            patience = STUCK_S * (4 if self.strain.state.starved else 1)
            for slug, watch in list(self._watches.items()):
                if slug not in self._tasks or self._clock() - self._ticked[slug] < patience:
                    continue
                log.error("%s was not looked at for %.0f s; it is watched anew", slug, patience)
                try:
                    async with self._changing:
                        if self._watches.get(slug) is watch:
                            await self._drop(slug)
                            await self._add(watch.system, start=True)
                except Exception:
                    log.exception("%s could not be watched anew", slug)

    # ---- one system
    async def _beat(self, watch: SystemWatch) -> None:
        """Start probes at each step of the clock, and tick at each whole interval of it."""
        step = self._interval / STEPS
        last = -1
        while True:
            await asyncio.sleep(step - self._now() % step)
            number = round(self._now() / step)
            whole = number % STEPS == 0
            if number == last or (last < 0 and not whole):
                continue
            last = number
            try:
                began = time.perf_counter()
                late = max(0.0, self._now() - number * step)
                await watch.start_due(gently=True, thin=self.strain.state.starved, late_s=late)
                if whole:
                    task = asyncio.create_task(self._finish(watch, began))
                    self._finishing.add(task)  # kept, or it may be collected while it runs
                    task.add_done_callback(self._finishing.discard)
            except Exception:
                log.exception("probes of %s could not be started", watch.system.slug)

    async def _finish(self, watch: SystemWatch, began: float) -> None:
        """Give the probes of a tick a moment, and hand on what came back."""
        try:
            await watch.settle(GRACE_S)
            spent = (time.perf_counter() - began) * 1000
            self._publish(self._tick(watch, watch.take(), [], ms=spent))
        except Exception:
            log.exception("a tick of %s failed", watch.system.slug)

    async def _listen(self, watch: SystemWatch) -> None:
        """Turn runtime events into mini-ticks. Events that arrive meanwhile share the next one."""
        waiting: dict[str, list[RuntimeEvent]] = {}
        wake = asyncio.Event()
        worker = asyncio.create_task(self._mini_ticks(watch, waiting, wake))
        try:
            while True:
                try:
                    async for event in watch.system.runtime.events():
                        waiting.setdefault(event.unit, []).append(event)
                        wake.set()
                except Exception as error:
                    log.warning("events of %s are lost (%s); asking again", watch.system.slug, error)
                await asyncio.sleep(0.5)
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def _mini_ticks(
        self, watch: SystemWatch, waiting: dict[str, list[RuntimeEvent]], wake: asyncio.Event
    ) -> None:
        while True:
            await wake.wait()
            wake.clear()
            while waiting:
                unit = next(iter(waiting))
                events = waiting.pop(unit)
                try:
                    self._publish(self._tick(watch, await watch.quick(unit), events, mini=True))
                except Exception:
                    log.exception("an event of %s was not looked at", unit)

    def _tick(
        self,
        watch: SystemWatch,
        readings: list[Reading],
        events: list[RuntimeEvent],
        *,
        mini: bool = False,
        ms: float | None = None,
    ) -> Tick:
        at = datetime.fromtimestamp(self._now(), UTC)
        if not mini:
            self.looked_at[watch.system.slug], self._ticked[watch.system.slug] = self._now(), self._clock()
        tick = Tick(watch.system, at, readings, events, mini, starved=self.strain.state.starved)
        if self.store is not None and watch.system.id is not None:
            tick.batch = Batch(watch.system.id, at, readings, ms, mini=mini, starved=tick.starved)
        return tick

    def _publish(self, tick: Tick) -> None:
        for outlet in self._all_outlets(tick):
            outlet.put(tick)

    def _all_outlets(self, tick: Tick) -> list[Outlet]:
        return [
            *self._outlets.get(tick.system.slug, []),
            *([self._stored] if self._stored is not None else []),
        ]

    async def _write(self, tick: Tick) -> None:
        if self.store is not None and tick.batch is not None:
            await self.store.write(tick.batch)


def _templates(system: LoadedSystem) -> dict[str, list[str]]:
    try:
        return queries.known_templates(system)
    finally:
        connections.close_all()
