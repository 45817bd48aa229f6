"""unit.*, proc.* and child.*: what the runtime says about a unit and its processes."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

from systems import threads
from systems.manifest import Service
from systems.probes.base import Clock, FileProbe, Gone, Probe, ProbeFailed
from systems.readings import Reading, clean
from systems.runtimes.base import ChildStat, UnitState, UnitStats
from systems.services import LoadedSystem

SETTLED_S = 30.0  # after this uptime the last exit code is history


class UnitProbe(Probe):
    """unit.*: one question to the runtime serves all services of a tick."""

    name = "unit"
    interval_s = 1.0
    timeout_s = 2.5
    main = ("unit.up", "unit.fatal", "unit.restarts")

    def __init__(self, clock: Clock = time.monotonic, now: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self._now = now
        self._asked_at = -1e9
        self._asked: asyncio.Future[dict[str, UnitState]] | None = None

    def applies(self, service: Service) -> bool:
        return service.unit is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        state = (await self.states(system)).get(service.unit or "")
        if state is None:
            raise ProbeFailed(f"the runtime has no unit {service.unit!r}")
        return unit_readings(service.name, state, self._now())

    async def states(self, system: LoadedSystem) -> dict[str, UnitState]:
        """All units. Asked at most every half second, and never twice at the same time."""
        answered = self._asked is not None and self._asked.done()
        if self._asked is None or (answered and self.clock() - self._asked_at > 0.5):
            self._asked_at = self.clock()
            self._asked = asyncio.wrap_future(threads.submit(system.slug, self.name, _all_units, system))
            self._asked.add_done_callback(_retrieve)
        return await asyncio.shield(self._asked)


def _retrieve(future: asyncio.Future[dict[str, UnitState]]) -> None:
    if not future.cancelled():
        future.exception()


def _all_units(system: LoadedSystem) -> dict[str, UnitState]:
    return {state.unit: state for state in system.runtime.list()}


def unit_readings(service: str, state: UnitState, now: float) -> list[Reading]:
    """The unit.* readings of one state. Epoch seconds in `now`."""
    running = state.state == "RUNNING"
    uptime = max(0.0, now - state.started_at) if running and state.started_at else 0.0
    settled = running and (uptime > SETTLED_S or state.exit_code is None)
    code = 0 if settled else state.exit_code
    readings = [
        Reading(service, "unit.up", float(running), state.state),
        Reading(service, "unit.fatal", float(state.fatal), exit_text(state.exit_code) if state.fatal else ""),
        Reading(service, "unit.restarts", float(state.restarts)),
        Reading(service, "unit.wanted_down", float(state.state in ("STOPPED", "STOPPING"))),
        Reading(service, "unit.uptime_s", round(uptime, 1)),
        Reading(service, "unit.oom_kills", float(state.oom_kills)),
    ]
    if code is not None:
        readings.append(Reading(service, "unit.exit_code", float(code), "" if settled else exit_text(code)))
    return readings


def exit_text(code: int | None) -> str:
    """`exit 1`, `signal 11 (SIGSEGV)`."""
    if code is None:
        return ""
    if code >= 0:
        return f"exit {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


LIMIT_S = 4.0  # a limit that is raised is to be seen in the next looks or so


class ProcessProbe(FileProbe):
    """proc.* and child.*: CPU, memory, threads, files and children of a running unit."""

    name = "process"
    interval_s = 2.0
    timeout_s = 2.5
    main = ("proc.cpu_pct", "proc.rss_mb")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._gone = Gone(clock)
        self._limits: dict[str, tuple[float, float | None]] = {}

    def applies(self, service: Service) -> bool:
        return service.unit is not None

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.unit is not None
        stats = system.runtime.stats(service.unit)
        if stats is None:
            raise ProbeFailed("not running")
        readings = _stats_readings(service.name, stats, self._limit(system, service.unit))
        return self._gone.fill(service.name, ("child.cpu_pct", "child.memory_mb"), readings)

    def _limit(self, system: LoadedSystem, unit: str) -> float | None:
        known = self._limits.get(unit)
        if known is None or self.clock() - known[0] > LIMIT_S:
            known = self._limits[unit] = (self.clock(), system.runtime.state(unit).memory_limit_mb)
        return known[1]


def _stats_readings(service: str, stats: UnitStats, limit_mb: float | None) -> list[Reading]:
    stopped = stats.proc_state in ("T", "t")
    readings = [
        Reading(service, "proc.state", float(stopped), stats.proc_state),
        Reading(service, "proc.cpu_pct", round(stats.cpu_pct, 1)),
        Reading(service, "proc.rss_mb", round(stats.rss_mb, 1)),
        Reading(service, "proc.threads", float(stats.threads)),
    ]
    counts = {"proc.fds": stats.fds, "proc.zombies": stats.zombies}
    readings += [Reading(service, name, float(n)) for name, n in counts.items() if n is not None]
    if limit_mb:
        text = f"{stats.rss_mb:.0f} of {limit_mb:.0f} MB"
        readings.append(Reading(service, "proc.rss_limit_pct", round(100 * stats.rss_mb / limit_mb, 1), text))
    by_name: dict[str, list[ChildStat]] = {}
    for child in stats.children:
        by_name.setdefault(clean(child.name, 100) or "?", []).append(child)
    for name, children in by_name.items():
        hottest = max(children, key=lambda c: c.cpu_pct)
        text = clean(f"pid={hottest.pid} cmdline={hottest.cmdline}", 300)
        readings.append(
            Reading(service, "child.cpu_pct", round(sum(c.cpu_pct for c in children), 1), text, name)
        )
        # Of the biggest alone: more of them, as when a pool fills, are not one that grows.
        biggest = max(children, key=lambda c: c.own_mb)
        text = clean(f"pid={biggest.pid} cmdline={biggest.cmdline}", 300)
        readings.append(Reading(service, "child.memory_mb", max(0.1, round(biggest.own_mb, 1)), text, name))
    return readings
