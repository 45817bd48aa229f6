"""Who takes the machine: its processes by what they use, those of the units apart, and how long these have to wait.

It costs a look at every process, so it is done only while the machine is short of something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from systems.machine.gauges import PROC
from systems.readings import clean
from systems.runtimes import proctable
from systems.runtimes.proctable import Row

TOP = 3
LEAST_S = 1.0  # between two looks, for shares that mean something
OLD_S = 15.0  # a look this old is of another time
MOST_TASKS = 400  # threads of one unit whose waiting is summed
WAITS = 0.5  # of all the time some thread of it waits for a processor ...
TIMES = 3.0  # ... and that many times what they got
OTHERS_PCT = 50.0  # of the whole machine that is not the units' own doing

Waited = dict[str, tuple[float, float]]  # unit -> seconds on a processor, and runnable without one


@dataclass(frozen=True, slots=True)
class Look:
    """`cpu`: pid -> per cent of one core; `io`: bytes a second to and from disks, of those that are ours to see.
    `others_pct`: of the whole machine, what no unit uses. `waiting`: unit -> share
    of the time it waits for a processor, of those that are held up by it."""

    rows: Mapping[int, Row] = field(default_factory=dict)
    io: Mapping[int, float] = field(default_factory=dict)
    cpu: Mapping[int, float] = field(default_factory=dict)
    others_pct: float = 0.0
    waiting: Mapping[str, float] = field(default_factory=dict)

    def by_cpu(self) -> str:
        """The processes that use the most, in words."""
        top = sorted(self.cpu.items(), key=lambda item: -item[1])[:TOP]
        return ", ".join(f"{named(self.rows[pid])} {share:.0f} %" for pid, share in top if share >= 5)

    def by_memory(self) -> str:
        top = sorted(self.rows.values(), key=lambda row: -row.rss)[:TOP]
        return ", ".join(f"{named(row)} {row.rss / 1e6:.0f} MB" for row in top if row.rss)

    def by_io(self) -> str:
        top = sorted(self.io.items(), key=lambda item: -item[1])[:TOP]
        return ", ".join(f"{named(self.rows[pid])} {rate / 1e6:.1f} MB/s" for pid, rate in top if rate > 1e5)


def named(row: Row) -> str:
    """`pid 4711 (python3 -m http.server)`; what it was started with where that is ours to see, else its name."""
    return f"pid {row.pid} ({spoken(proctable.cmdline(row.pid), 60) or clean(row.comm, 40)})"


def spoken(words: Sequence[str], limit: int) -> str:
    """A command line without the folder of its program, which tells least and comes first."""
    program, space, rest = " ".join(words).partition(" ")
    return clean(program.rpartition("/")[2] + space + rest, limit)


def family(rows: Mapping[int, Row], pids: Mapping[str, int]) -> dict[int, str]:
    """pid -> unit, of the units' processes and whatever they have started. `pids`: unit -> its process."""
    kids: dict[int, list[int]] = {}
    for row in rows.values():
        kids.setdefault(row.ppid, []).append(row.pid)
    found: dict[int, str] = {}
    for unit, pid in pids.items():
        todo = [pid]
        while todo:
            one = todo.pop()
            if one not in found:
                found[one] = unit
                todo += kids.get(one, ())
    return found


class Processes:
    """Two looks make shares. `cores`: of the machine."""

    def __init__(
        self,
        cores: int,
        clock: Callable[[], float] = time.monotonic,
        scan: Callable[[], dict[int, Row]] = proctable.scan,
        proc: Path = PROC,
    ) -> None:
        self._cores, self._clock, self._scan, self._proc = cores, clock, scan, proc
        self._at = -1e9
        self._rows: dict[int, Row] = {}
        self._waited: Waited = {}
        self._io: dict[int, int] = {}

    def look(self, pids: Mapping[str, int]) -> Look | None:
        """None until there was another look not long ago."""
        now, rows = self._clock(), self._scan()
        span, before, waited_before = now - self._at, self._rows, self._waited
        of_units = family(rows, pids)
        waited, io, io_before = self._waiting(of_units), self._moved(rows), self._io
        self._at, self._rows, self._waited, self._io = now, rows, waited, io
        if not LEAST_S <= span <= OLD_S:
            return None
        cpu = {row.pid: _share(row, before.get(row.pid), span) for row in rows.values()}
        others = sum(share for pid, share in cpu.items() if pid not in of_units)
        held_up = {unit: _held_up(waited_before.get(unit), w, span) for unit, w in waited.items()}
        rates = {pid: (n - io_before[pid]) / span for pid, n in io.items() if pid in io_before}
        waiting = {unit: share for unit, share in held_up.items() if share}
        return Look(rows, rates, cpu, others / self._cores, waiting)

    def _moved(self, rows: Mapping[int, Row]) -> dict[int, int]:
        """pid -> bytes read from and written to disks since its start."""
        found = {}
        for pid in rows:
            try:
                lines = (self._proc / str(pid) / "io").read_text().splitlines()
                told = {name: int(n) for name, _, n in (line.partition(": ") for line in lines)}
                found[pid] = told["read_bytes"] + told["write_bytes"]
            except (OSError, ValueError, KeyError):
                continue  # somebody else's, or it ended
        return found

    def _waiting(self, of_units: Mapping[int, str]) -> Waited:
        sums: dict[str, list[float]] = {}
        tasks: dict[str, int] = {}
        for pid, unit in of_units.items():
            for file in (self._proc / str(pid) / "task").glob("*/schedstat"):
                if tasks.get(unit, 0) >= MOST_TASKS:
                    break
                tasks[unit] = tasks.get(unit, 0) + 1
                try:
                    ran, waited, _ = file.read_text().split()
                except (OSError, ValueError):
                    continue  # it ended while we looked
                both = sums.setdefault(unit, [0.0, 0.0])
                both[0] += int(ran) / 1e9
                both[1] += int(waited) / 1e9
        return {unit: (ran, waited) for unit, (ran, waited) in sums.items()}


def _share(row: Row, before: Row | None, span: float) -> float:
    """% of one core; of a process born since, from its birth."""
    start = before.cpu_s if before is not None and before.start == row.start else 0.0
    return max(0.0, row.cpu_s - start) / span * 100


def _held_up(before: tuple[float, float] | None, now: tuple[float, float], span: float) -> float:
    """Share of the time it waits, where that is much, and much more than what it got; else 0."""
    if before is None:
        return 0.0
    ran, waited = (max(0.0, b - a) / span for a, b in zip(before, now, strict=True))
    return min(1.0, waited) if waited >= max(WAITS, TIMES * ran) else 0.0
