"""Looking into containers through the engine's API: processes, output, commands. `api`: the SDK's low-level client."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..base import ChildStat, ExecResult, UnitStats
from ..proctable import child_name
from .engine import Refused
from .view import MB, exit_code

OUTPUT_MAX = 64 * 1024
LOG_MAX = 1024 * 1024
BEGINS_WITHIN_S = 3.0  # a command that was asked for
INSIDE_S = 3.0  # for a signal sent by a shell
PS_S = 4.0  # how long a table of processes serves
COLUMNS = ("pid", "ppid", "stat", "nlwp", "rss", "cputimes", "args")
PS = f"-eo {','.join(COLUMNS)}"


def visible(pid: int | None, container: str) -> bool:
    """Is the engine's pid a process that we see under the same number?"""
    try:
        return bool(pid) and container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def send(pid: int | None, container: str, sig: int) -> bool:
    """A signal straight to the process. False: not ours to signal; ask the engine.

    The engine's own `kill` counts as a wish to stop: after it a crash is never followed by a restart.
    """
    if pid is None or not visible(pid, container):
        return False
    try:
        os.kill(pid, sig)
    except PermissionError:
        return False
    except ProcessLookupError:
        pass
    return True


def send_inside(api: Any, container: str, sig: int) -> bool:
    """A signal to the first process by a shell beside it, which the engine does not take for a wish to stop. False:
    there is no shell, or it may not; KILL and STOP cannot be sent so at all."""
    if sig in (signal.SIGKILL, signal.SIGSTOP):
        return False
    try:
        return run(api, container, ["sh", "-c", f"kill -{int(sig)} 1"], INSIDE_S).code == 0
    except Refused:
        return False


class CpuMeter:
    """% of one core between two looks at a rising count of nanoseconds."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}

    def pct(self, key: str, total_ns: float) -> float:
        now = time.monotonic()
        before, at = self._seen.get(key, (total_ns, now))
        self._seen[key] = (total_ns, now)
        return round(max(0.0, total_ns - before) / 1e7 / (now - at), 1) if now > at else 0.0


class Row(NamedTuple):
    """One process of a container. cpu_pct: % of one core since the table before; 0 in the first one."""

    pid: int
    ppid: int
    state: str
    threads: int
    rss_mb: float
    cpu_pct: float
    args: str


class Table(NamedTuple):
    """What `ps` told at a moment. spent: pid -> seconds of CPU so far."""

    at: float
    rows: list[Row]
    spent: dict[int, float]


NOTHING = Table(float("-inf"), [], {})


class EngineStats:
    """What the engine can tell when /proc is another machine's: no file descriptors."""

    def __init__(self) -> None:
        self._meter = CpuMeter()
        self._tables: dict[str, Table] = {}

    def of(self, api: Any, container: str, pid: int) -> UnitStats:
        """`pid`: of the container's first process, as the engine counts."""
        raw = api.stats(container, stream=False, one_shot=True)
        rows = self._processes(api, container, pid)
        main = next((row for row in rows if row.pid == pid), None)
        total = float(raw.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0))
        usage = float(raw.get("memory_stats", {}).get("usage", 0))
        below = descendants(rows, pid)
        return UnitStats(
            cpu_pct=self._meter.pct(container, total),
            rss_mb=main.rss_mb if main else round(usage / MB, 2),
            threads=main.threads if main else int(raw.get("pids_stats", {}).get("current") or 1),
            fds=None,
            proc_state=main.state if main else "S",
            zombies=sum(row.state == "Z" for row in below) if main else None,
            children=[_child(row) for row in below if row.state != "Z"],
        )

    def _processes(self, api: Any, container: str, pid: int) -> list[Row]:
        """Rows of `ps`. For each the engine reads its machine's whole table, so an older answer about the same first
        process will do for a while."""
        before, now = self._tables.get(container, NOTHING), time.monotonic()
        if now - before.at <= PS_S and any(row.pid == pid for row in before.rows):
            return before.rows
        self._tables[container] = table(api.top(container, ps_args=PS)["Processes"], before, now)
        return self._tables[container].rows


def table(told: Sequence[Sequence[str]], before: Table, now: float) -> Table:
    """The rows of `ps` with columns PS. What a process spent is told in whole seconds: a shorter span than PS_S would
    make a second look like a burst."""
    whole = [row for row in told if len(row) >= len(COLUMNS)]
    spent = {int(row[0]): float(row[5]) for row in whole}
    span = max(now - before.at, PS_S)

    def share(pid: int) -> float:
        first = before is NOTHING
        return 0.0 if first else round(max(0.0, spent[pid] - before.spent.get(pid, 0.0)) / span * 100, 1)

    rows = [
        Row(int(r[0]), int(r[1]), r[2][:1], int(r[3]), round(int(r[4]) / 1024, 2), share(int(r[0])), r[6])
        for r in whole
    ]
    return Table(now, rows, spent)


def descendants(rows: Sequence[Row], pid: int) -> list[Row]:
    """Those of the rows that descend from `pid`, by their pids."""
    parents = {row.pid: row.ppid for row in rows}

    def ours(row: Row) -> bool:
        at = row.pid
        while at in parents and at != pid:
            at = parents[at]
        return at == pid and row.pid != pid

    return sorted((row for row in rows if ours(row)), key=lambda row: row.pid)


def _child(row: Row) -> ChildStat:
    return ChildStat(
        pid=row.pid,
        name=child_name(row.args.split()),
        cmdline=row.args[:300],
        cpu_pct=row.cpu_pct,
        rss_mb=row.rss_mb,
        state=row.state,
    )


class _Output:
    """Reads a command's output to its end in a thread; keeps the first 64 KB of each stream."""

    def __init__(self, stream: Any) -> None:
        self.parts: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._stream = stream
        self.thread = threading.Thread(target=self._read, daemon=True, name="docker-exec")
        self.thread.start()

    def _read(self) -> None:
        with suppress(Exception):  # a broken stream is an ended one
            for pair in self._stream:
                for kept, part in zip(self.parts, pair, strict=True):
                    kept += (part or b"")[: OUTPUT_MAX - len(kept)]

    def text(self, index: int) -> str:
        return bytes(self.parts[index]).decode("utf-8", "replace")


def run(api: Any, container: str, argv: Sequence[str], timeout_s: float) -> ExecResult:
    """A command inside; killed when the time is up, if its process can be seen from here."""
    command = api.exec_create(container, list(argv))["Id"]
    output = _Output(api.exec_start(command, stream=True, demux=True))
    output.thread.join(timeout_s)
    if output.thread.is_alive():
        end = time.monotonic() + BEGINS_WITHIN_S
        while not (told := api.exec_inspect(command)).get("Pid") and told.get("Running") is not False:
            if time.monotonic() > end:
                break
            time.sleep(0.01)
        send(told.get("Pid"), container, signal.SIGKILL)
        output.thread.join(1.0)
        return ExecResult(-9, output.text(0), output.text(1), True)
    end = time.monotonic() + 5.0
    while (told := api.exec_inspect(command)).get("Running") and time.monotonic() < end:
        time.sleep(0.01)
    code = told.get("ExitCode")
    return ExecResult(exit_code(int(code)) if code is not None else -1, output.text(0), output.text(1))


def tail_of(api: Any, container: str, tail: int) -> list[str]:
    """The last lines of the container's output, at most 1 MB, oldest first."""
    if tail < 1:
        return []
    raw: bytes = api.logs(container, stdout=True, stderr=True, tail=tail)
    text = raw[-LOG_MAX:].decode("utf-8", "replace")
    lines = text.split("\n")
    if len(raw) > LOG_MAX:
        lines = lines[1:]
    return (lines[:-1] if lines and not lines[-1] else lines)[-tail:]
