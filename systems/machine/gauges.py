"""What the machine has left: processors, memory, pressure, descriptors, processes; each read in a few system calls.

Everything is read below `proc`, so that it can be told without this machine; None where that does not tell.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)
ERROR = 5  # its state TIME_ERROR


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of all processors since the start, in ticks. `busy`: all that nobody else could have had, time that a
    hypervisor gave to others included."""

    busy: float
    total: float

    def share_since(self, before: Times | None) -> float | None:
        """Per cent busy since `before`; None without one, and when no time has gone by."""
        if before is None or self.total <= before.total:
            return None
        return min(100.0, max(0.0, 100 * (self.busy - before.busy) / (self.total - before.total)))


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `available`: what can be had without swapping."""

    total: int
    available: int
    swap: int
    swap_free: int

    @property
    def available_pct(self) -> float:
        return 100 * self.available / self.total if self.total else 100.0

    @property
    def swap_used_pct(self) -> float:
        """0 where there is none."""
        return 100 * (self.swap - self.swap_free) / self.swap if self.swap else 0.0


def cores() -> int:
    return os.cpu_count() or 1


def times(proc: Path = PROC) -> Times | None:
    try:
        line = (proc / "stat").read_text().partition("\n")[0].split()
        numbers = [float(n) for n in line[1:9]]  # what guests got is in the first two
    except (OSError, ValueError):
        return None
    if line[:1] != ["cpu"] or len(numbers) < 4:
        return None
    idle = sum(numbers[3:5])
    return Times(sum(numbers) - idle, sum(numbers))


def memory(proc: Path = PROC) -> Memory | None:
    try:
        rows = (line.split() for line in (proc / "meminfo").read_text().splitlines())
        found = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) > 1}
        names = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
        return Memory(*(found[n] for n in names))
    except (OSError, ValueError, KeyError):
        return None


def load(proc: Path = PROC) -> tuple[float, int] | None:
    """(processes that want to run, over the last minute; threads there are)."""
    try:
        words = (proc / "loadavg").read_text().split()
        return float(words[0]), int(words[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return None


def most_threads(proc: Path = PROC) -> int | None:
    """Each needs a pid of its own."""
    kernel = proc / "sys/kernel"
    limits = [n for n in (_number(kernel / "pid_max"), _number(kernel / "threads-max")) if n]
    return min(limits, default=None)


def pressure(what: str, proc: Path = PROC) -> Mapping[str, float]:
    """Per cent of the last ten seconds in which some, or all (`full`), tasks waited for cpu, memory or io. {} where the
    kernel does not measure it."""
    try:
        rows = [line.split() for line in (proc / "pressure" / what).read_text().splitlines()]
        return {row[0]: float(row[1].removeprefix("avg10=")) for row in rows}
    except (OSError, ValueError, IndexError):
        return {}


def files(proc: Path = PROC) -> tuple[int, int] | None:
    """(open files of all processes, the most there may be)."""
    try:
        used, _, most = (proc / "sys/fs/file-nr").read_text().split()
        return int(used), int(most)
    except (OSError, ValueError):
        return None


def ephemeral(proc: Path = PROC) -> range | None:
    """The ports that outgoing connections are given."""
    try:
        low, high = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
        return range(int(low), int(high) + 1)
    except (OSError, ValueError):
        return None


def is_synchronised() -> bool | None:
    """Whether something keeps the clock right, as the kernel has been told; None where it does not tell."""
    buffer = ctypes.create_string_buffer(512)  # struct timex, `modes` 0: only look
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    status = ctypes.c_int.from_buffer(
        buffer, 5 * ctypes.sizeof(ctypes.c_long)
    ).value  # after modes and four longs
    return state != ERROR and not status & UNSYNCHRONISED


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
