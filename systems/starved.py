"""Whether the watcher itself gets too little of the machine to trust its own clock: how long it waited for a processor,
how late its event loop woke, time stolen by the host, and clocks that jumped.

While it is starved, what is slow or silent may be slow or silent here only. Everything is read through `Gauges`, so
that it can be told without a machine.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 1.0
BAD_LOOKS = 2  # in a row, before it counts as starved
GOOD_LOOKS = 8  # in a row, before it counts as over
WAITED = 0.3  # seconds of waiting for a processor per second ...
TIMES = 6.0  # ... and that many times what it got: a busy neighbour per core gives 1 to 3
CROWD = 4.0  # processes that want to run, per core: two of everything is an ordinary busy machine
LATE_S = 1.5  # the event loop woke that much too late
STOLEN = 0.4  # share of all processor time that the host gave to others
JUMP_S = 2.0  # the wall clock against the steady clock
EASE = 0.7  # it is over only well below the limits


@dataclass(frozen=True, slots=True)
class Gauges:
    """Counters at one moment, in seconds since whenever; None where the machine does not tell. `ran`, `waited`: on a
    processor, and runnable without one, of the event loop's thread. `stolen`: by the host, over all cores. `runnable`:
    processes that want to run just now. `pressed`: time in which somebody waited for a processor (PSI)."""

    steady: float
    wall: float
    ran: float | None = None
    waited: float | None = None
    stolen: float | None = None
    runnable: float | None = None
    pressed: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """`since`: epoch seconds, None when well. `why`: in plain words."""

    since: float | None = None
    why: str = ""

    @property
    def starved(self) -> bool:
        return self.since is not None


class Strain:
    """Judges one look after the other. `cores`: processors of the machine."""

    def __init__(self, cores: int) -> None:
        self._cores = max(1, cores)
        self._last: Gauges | None = None
        self._crowd: float | None = None
        self._bad = self._good = 0
        self.state = State()

    def look(self, now: Gauges, late_s: float = 0.0) -> State:
        """Take in one look. `late_s`: how much too late the event loop woke for it."""
        before, self._last = self._last, now
        if before is None or now.steady <= before.steady:
            return self.state
        ease = EASE if self.state.starved else 1.0
        reasons = self._reasons(before, now, late_s, ease)
        self._bad, self._good = (self._bad + 1, 0) if reasons else (0, self._good + 1)
        if reasons and (self._bad >= BAD_LOOKS or late_s >= 2 * LATE_S or self.state.starved):
            began = now.wall - self._bad * LOOK_S
            self.state = State(self.state.since or began, "; ".join(reasons))
        elif self._good >= GOOD_LOOKS:
            self.state = State()
        return self.state

    def _reasons(self, before: Gauges, now: Gauges, late_s: float, ease: float) -> list[str]:
        span = now.steady - before.steady
        ran, waited = _share(before.ran, now.ran, span), _share(before.waited, now.waited, span)
        stolen, pressed = _share(before.stolen, now.stolen, span), _share(before.pressed, now.pressed, span)
        if now.runnable is not None:  # of one moment only: smoothed
            fresh = now.runnable / self._cores
            self._crowd = fresh if self._crowd is None else (self._crowd + fresh) / 2
        crowded = self._crowd is None or self._crowd >= CROWD * ease
        pressing = pressed is None or pressed >= 0.5 * ease
        reasons = []
        hungry = waited is not None and waited >= ease * max(WAITED, TIMES * (ran or 0.0))
        if hungry and crowded and pressing:
            reasons.append(f"it waits for a processor {min(1.0, waited or 0.0):.0%} of the time")
        if late_s >= LATE_S * ease:
            reasons.append(f"it woke {late_s:.1f} s too late")
        if stolen is not None and stolen / self._cores >= STOLEN * ease:
            reasons.append(f"the host took {min(1.0, stolen / self._cores):.0%} of the processors away")
        jump = (now.wall - before.wall) - span
        if abs(jump) >= JUMP_S:
            reasons.append(f"the clock jumped by {jump:+.0f} s")
        return reasons


def _share(before: float | None, now: float | None, span: float) -> float | None:
    return None if before is None or now is None else max(0.0, now - before) / span


def gauges() -> Gauges:
    """The counters of this machine and of this process's main thread, which is the event loop's."""
    ran, waited = _schedstat()
    stolen, runnable = _stat()
    return Gauges(time.monotonic(), time.time(), ran, waited, stolen, runnable, _pressure())


def _schedstat() -> tuple[float | None, float | None]:
    try:
        ran, waited, _ = Path("/proc/self/schedstat").read_text().split()
        return int(ran) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return None, None


def _stat() -> tuple[float | None, float | None]:
    stolen = runnable = None
    try:
        for line in Path("/proc/stat").read_text().splitlines():
            name, *numbers = line.split()
            if name == "cpu" and len(numbers) > 7:
                stolen = int(numbers[7]) / os.sysconf("SC_CLK_TCK")
            elif name == "procs_running":
                runnable = float(numbers[0])
    except (OSError, ValueError):
        return None, None
    return stolen, runnable


def _pressure() -> float | None:
    try:
        return int(Path("/proc/pressure/cpu").read_text().split("total=", 1)[1].split()[0]) / 1e6
    except (OSError, ValueError, IndexError):
        return None


class Watch:
    """Looks once a second, in the event loop whose delay it measures."""

    def __init__(self, read: Callable[[], Gauges] = gauges, cores: int | None = None) -> None:
        self._read = read
        self.strain = Strain(cores or os.cpu_count() or 1)

    @property
    def state(self) -> State:
        return self.strain.state

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.strain.look(self._read(), max(0.0, loop.time() - due))
