"""A table of all processes, read at most twice a second however many units ask; CPU from own deltas."""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from .base import ChildStat, UnitStats

FRESH_S = 0.4
WORD = re.compile(r"^[A-Za-z][\w.-]*$")
PYTHON = re.compile(r"^python[\d.]*$")
LINUX = platform.system() == "Linux"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(slots=True)
class Row:
    """One process. cpu_s: seconds of CPU so far; start: tells two processes with the same pid apart."""

    pid: int
    ppid: int
    state: str
    cpu_s: float
    threads: int
    rss: int
    start: float
    comm: str


def _parse(pid: int, raw: bytes) -> Row:
    head, _, tail = raw.rpartition(b")")
    f = tail.split()
    return Row(
        pid=pid,
        ppid=int(f[1]),
        state=f[0].decode(),
        cpu_s=(int(f[11]) + int(f[12])) / _TICKS,
        threads=int(f[17]),
        rss=int(f[21]) * _PAGE,
        start=float(f[19]),
        comm=head.partition(b"(")[2].decode(errors="replace"),
    )


def scan() -> dict[int, Row]:
    """Every process now, by its pid."""
    return _scan_proc() if LINUX else _scan_psutil()


def _scan_proc() -> dict[int, Row]:
    rows: dict[int, Row] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - plain names are quicker here
        if not name.isdigit():
            continue
        try:
            fd = os.open(f"/proc/{name}/stat", os.O_RDONLY)
            try:
                raw = os.read(fd, 2048)
            finally:
                os.close(fd)
            rows[int(name)] = _parse(int(name), raw)
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
    return rows


_LETTERS = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T", psutil.STATUS_RUNNING: "R"}


def _scan_psutil() -> dict[int, Row]:
    rows: dict[int, Row] = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                cpu = process.cpu_times()
                letter = _LETTERS.get(process.status(), "S")
                rows[process.pid] = Row(
                    process.pid, process.ppid(), letter, cpu.user + cpu.system, process.num_threads(),
                    process.memory_info().rss, process.create_time(), process.name(),
                )  # fmt: skip
        except psutil.Error:
            continue
    return rows


def child_name(cmdline: list[str], comm: str = "") -> str:
    """A short stable name people recognise: the job's word, not `python3.11`.

    `python -m tasks.jobs month-end` -> month-end; `python -m api` -> api; `postgres: web books` -> web.
    """
    words = " ".join(cmdline).split()
    if not words:
        return comm or "?"
    program = words[0].rsplit("/", 1)[-1]
    if program.endswith(":"):
        return words[1] if len(words) > 1 else program[:-1]
    if not PYTHON.match(program):
        return program
    for index, word in enumerate(words[1:], 1):
        if word == "-c":
            return "python"
        if word == "-m" or not word.startswith("-"):
            at = index + 1 if word == "-m" else index
            main = words[at] if at < len(words) else program
            argument = words[at + 1] if at + 1 < len(words) else ""
            if WORD.match(argument):
                return argument
            return Path(main).stem if "/" in main or main.endswith(".py") else main.rsplit(".", 1)[-1]
    return program


class ProcTable:
    """Shared by all units of one runtime; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[int, Row] = {}
        self._before: dict[int, Row] = {}
        self._kids: dict[int, list[int]] = {}
        self._at = self._at_before = 0.0

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._at < FRESH_S:
            return
        rows = scan()
        self._before, self._at_before = self._rows, self._at
        self._rows, self._at = rows, now
        self._kids = {}
        for row in rows.values():
            self._kids.setdefault(row.ppid, []).append(row.pid)

    def _cpu_pct(self, row: Row) -> float:
        """% of one core between the last two scans; a process born since counts from its birth."""
        span = self._at - self._at_before
        old = self._before.get(row.pid)
        if not self._at_before or span <= 0:
            return 0.0
        start = old.cpu_s if old is not None and old.start == row.start else 0.0
        return round(max(0.0, row.cpu_s - start) / span * 100, 1)

    def stats(self, pid: int) -> UnitStats | None:
        """Of the process and its descendants; None when it has ended."""
        with self._lock:
            if pid not in self._rows:
                self._at = min(self._at, time.monotonic() - FRESH_S)  # born since the last scan?
            self._refresh()
            main = self._rows.get(pid)
            if main is None:
                return None
            found, waiting = [], list(self._kids.get(pid, ()))
            while waiting:
                child = waiting.pop()
                found.append(self._rows[child])
                waiting += self._kids.get(child, ())
            shares = {row.pid: self._cpu_pct(row) for row in (main, *found)}
        children = [_child(row, shares[row.pid]) for row in found if row.state != "Z"]
        return UnitStats(
            cpu_pct=shares[pid],
            rss_mb=round(main.rss / 1024 / 1024, 2),
            threads=main.threads,
            fds=_fds(pid),
            proc_state="T" if main.state == "t" else main.state,
            zombies=len(found) - len(children),
            children=sorted(children, key=lambda c: c.pid),
        )


def cmdline(pid: int) -> list[str]:
    """Its words; [] where they are not ours to see, and of a kernel thread."""
    if LINUX:
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return []
        return [w.decode(errors="replace") for w in raw.split(b"\0") if w]
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _fds(pid: int) -> int | None:
    try:
        if LINUX:
            return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
        return psutil.Process(pid).num_fds()
    except (OSError, psutil.Error):  # somebody else's
        return None


def _child(row: Row, share: float) -> ChildStat:
    words = cmdline(row.pid)
    return ChildStat(
        pid=row.pid,
        name=child_name(words, row.comm),
        cmdline=" ".join(words)[:300],
        cpu_pct=share,
        rss_mb=round(row.rss / 1024 / 1024, 2),
        state=row.state,
        private_mb=_private_mb(row.pid),
    )


def _private_mb(pid: int) -> float | None:
    """Resident less shared pages, of /proc/PID/statm (proc(5)): a database's processes all count one shared buffer."""
    try:
        words = Path(f"/proc/{pid}/statm").read_bytes().split()
        return round((int(words[1]) - int(words[2])) * _PAGE / 1024 / 1024, 2)
    except (OSError, IndexError, ValueError):
        return None
