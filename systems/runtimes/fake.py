"""The fake driver: units in memory, for tests, with the rules of the real ones."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from systems.logs.tails import Chunk

from .base import (
    ExecResult,
    Lines,
    NotRunning,
    RuntimeEvent,
    RuntimeFailed,
    Said,
    Setting,
    Specs,
    StaleFence,
    Units,
    UnitState,
    UnitStats,
)

_pids = itertools.count(100_001)
_shared: dict[str, FakeRuntime] = {}


class FakeRuntime:
    """Script it: set_stats, say, on_exec, crash, emit, fail_next. `calls` records (op, unit, fence)."""

    driver = "fake"

    def __init__(
        self, units: Iterable[str] = (), releases: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._units: dict[str, UnitState] = {}
        self._releases = {k: list(v) for k, v in (releases or {}).items()}
        self._fences: dict[str, int] = {}
        self._paused: set[str] = set()
        self._stats: dict[str, UnitStats] = {}
        self._specs: Specs = {}
        self._logs: dict[str, list[str]] = {}
        self._exec: dict[tuple[str, ...], ExecResult] = {}
        self._fail: dict[str, str] = {}
        self._queues: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[RuntimeEvent]]] = []
        self.near = False  # its pids are made up
        self.calls: list[tuple[str, str, int | None]] = []
        for unit in units:
            first = self._releases.get(unit, [None])[0]
            self._units[unit] = UnitState(unit, "RUNNING", next(_pids), started_at=time.time(), release=first)

    # ---- scripting
    def set_state(self, unit: str, **changes: Any) -> UnitState:
        """Change fields of a unit; a new `state` is told to subscribers."""
        before = self._get(unit)
        after = self._units[unit] = replace(before, **changes)
        if after.state != before.state:
            self.emit(RuntimeEvent("state", unit, after.pid, after.exit_code, time.time(), state=after.state))
        return after

    def set_stats(self, unit: str, stats: UnitStats) -> None:
        self._stats[unit] = stats

    def say(self, unit: str, *lines: str) -> None:
        """More lines of output."""
        self._logs.setdefault(unit, []).extend(lines)

    def on_exec(self, argv: Sequence[str], result: ExecResult) -> None:
        self._exec[tuple(argv)] = result

    def fail_next(self, op: str, text: str) -> None:
        """The next call of `op` raises RuntimeFailed(text)."""
        self._fail[op] = text

    def crash(self, unit: str, exit_code: int = 1, oom: bool = False, fatal: bool = False) -> None:
        """The unit's process ends: restarted at once, or given up when `fatal`."""
        now = self._get(unit)
        ooms = now.oom_kills + oom
        self.emit(RuntimeEvent("exit", unit, now.pid, exit_code, time.time(), oom))
        if oom:
            self.emit(RuntimeEvent("oom", unit, now.pid, exit_code, time.time(), True))
        if fatal:
            self.set_state(
                unit,
                state="FATAL",
                pid=None,
                exit_code=exit_code,
                fatal=True,
                started_at=None,
                oom_kills=ooms,
            )
            self.emit(RuntimeEvent("fatal", unit, None, exit_code, time.time()))
        else:
            self.set_state(unit, exit_code=exit_code, restarts=now.restarts + 1, oom_kills=ooms)
            self._run(unit)

    def emit(self, event: RuntimeEvent) -> None:
        for loop, queue in list(self._queues):
            loop.call_soon_threadsafe(queue.put_nowait, event)

    # ---- inside
    def _get(self, unit: str) -> UnitState:
        if unit not in self._units:
            raise RuntimeFailed(f"there is no unit {unit!r}: there are {', '.join(self._units)}")
        return self._units[unit]

    def _begin(self, op: str, unit: str, fence: int | None) -> UnitState:
        state = self._get(unit)
        seen = self._fences.get(unit)
        if fence is not None and seen is not None and fence < seen:
            raise StaleFence(f"refused: token {fence} for {unit} is older than {seen}")
        if fence is not None:
            self._fences[unit] = fence
        if op in self._fail:
            raise RuntimeFailed(self._fail.pop(op))
        self.calls.append((op, unit, fence))
        return state

    def _running(self, unit: str) -> None:
        if self._get(unit).pid is None:
            raise NotRunning(f"{unit} is not running ({self._get(unit).state})")

    def _run(self, unit: str, **more: Any) -> UnitState:
        self._paused.discard(unit)
        state = self.set_state(
            unit, state="RUNNING", pid=next(_pids), started_at=time.time(), fatal=False, **more
        )
        self.emit(RuntimeEvent("started", unit, state.pid, None, time.time()))
        return state

    def _end(self, unit: str, exit_code: int) -> None:
        now = self._get(unit)
        if now.pid is not None:
            self.emit(RuntimeEvent("exit", unit, now.pid, exit_code, time.time()))
            self.set_state(unit, pid=None, exit_code=exit_code, started_at=None)
        self.set_state(unit, state="STOPPED", fatal=False)

    # ---- the protocol
    def list(self) -> Units:
        return [*self._units.values()]

    def state(self, unit: str) -> UnitState:
        return self._get(unit)

    def set_spec(self, unit: str, **settings: str) -> None:
        """How a unit is run."""
        self._specs[unit] = {name.replace("_", " "): Setting(value) for name, value in settings.items()}

    def specs(self) -> Specs:
        return {unit: dict(self._specs.get(unit, {})) for unit in self._units}

    def start(self, unit: str, fence: int | None = None) -> UnitState:
        state = self._begin("start", unit, fence)
        return state if state.pid is not None else self._run(unit)

    def stop(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        self._begin("stop", unit, fence)
        self._end(unit, -9 if unit in self._paused else -15)
        return self._get(unit)

    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        self._begin("restart", unit, fence)
        self._end(unit, -9 if unit in self._paused else -15)
        return self._run(unit)

    def kill(self, unit: str, fence: int | None = None) -> None:
        self._begin("kill", unit, fence)
        self._running(unit)
        self.crash(unit, -9)

    def signal(self, unit: str, sig: str, fence: int | None = None) -> None:
        self._begin("signal", unit, fence)
        self._running(unit)

    def pause(self, unit: str, fence: int | None = None) -> None:
        self._begin("pause", unit, fence)
        self._running(unit)
        self._paused.add(unit)

    def resume(self, unit: str, fence: int | None = None) -> None:
        self._begin("resume", unit, fence)
        self._running(unit)
        self._paused.discard(unit)

    def exec(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult:
        self._begin("exec", unit, fence)
        return self._exec.get(tuple(argv), ExecResult(0))

    def logs(self, unit: str, tail: int = 100) -> Lines:
        self._get(unit)
        return self._logs.get(unit, [])[-tail:] if tail > 0 else []

    def logs_since(self, unit: str, cursor: str | None) -> tuple[Said, str]:
        self._get(unit)
        said = self._logs.get(unit, [])
        if cursor and not cursor.isdecimal():
            raise RuntimeFailed(f"this is no place in a unit's output: {cursor}")
        lines = [line.encode() for line in said[len(said) if cursor is None else int(cursor or 0) :]]
        return {"": Chunk(lines, sum(len(line) + 1 for line in lines))}, str(len(said))

    def stats(self, unit: str) -> UnitStats | None:
        if self._get(unit).pid is None:
            return None
        stats = self._stats.get(unit, UnitStats(0.0, 20.0, 1, 8, "S"))
        return replace(stats, proc_state="T") if unit in self._paused else stats

    @property
    def here(self) -> bool:
        return self.near

    def nearby(self, unit: str) -> bool:
        self._get(unit)
        return self.near

    def limits(self, unit: str, memory_mb: float | None, fence: int | None = None) -> UnitState:
        self._begin("limits", unit, fence)
        return self.set_state(unit, memory_limit_mb=memory_mb)

    def release(self, unit: str, version: str, fence: int | None = None) -> UnitState:
        self._begin("release", unit, fence)
        if version not in self._releases.get(unit, []):
            raise RuntimeFailed(f"there is no release {version} of {unit}")
        self._end(unit, -15)
        return self._run(unit, release=version)

    def scale(self, unit: str, n: int, fence: int | None = None) -> Units:
        first = self._begin("scale", unit, fence)
        if n < 1:
            raise RuntimeFailed(f"{unit} cannot be scaled to {n}: to have none, stop it")
        names = [f"{unit}-{number}" for number in range(2, n + 1)]
        for name in [u for u in self._units if re.fullmatch(re.escape(unit) + r"-\d+", u) and u not in names]:
            self._end(name, -15)
            del self._units[name]
        for name in names:
            if name not in self._units:
                self._units[name] = UnitState(name, "STOPPED", release=first.release)
            if self._get(name).pid is None:
                self._run(name)
        return [self._get(name) for name in (unit, *names)]

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        entry = (asyncio.get_running_loop(), asyncio.Queue[RuntimeEvent]())
        self._queues.append(entry)
        try:
            while True:
                yield await entry[1].get()
        finally:
            self._queues.remove(entry)


def connect(options: Mapping[str, Any], base_dir: Path) -> FakeRuntime:
    """options: {units: [...], name: word?, near: true?}. The same name gives the same runtime again (until forget());
    `near`: as if its units were of this machine."""
    name = str(options.get("name", ""))
    if name and name in _shared:
        return _shared[name]
    runtime = FakeRuntime(options.get("units", ()), options.get("releases"))
    runtime.near = bool(options.get("near", False))
    if name:
        _shared[name] = runtime
    return runtime


def forget() -> None:
    """Drop all shared fakes (between tests)."""
    _shared.clear()
