"""What a runtime driver offers: units (processes, containers) that can be listed, driven and measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from systems.logs.tails import Chunk

RUNNING = "RUNNING"


class RuntimeError_(Exception):
    """Any failure of a runtime; the text says in plain words what failed and what to look at."""


class RuntimeFailed(RuntimeError_):
    """The runtime does not answer, refuses, or the operation failed."""


class NotRunning(RuntimeFailed):
    """Nothing of the unit runs that this could be done to: it is down, or went down in this moment."""


class StaleFence(RuntimeError_):
    """The operation carried an older fencing token than one seen before: somebody else acts on this unit."""


@dataclass(slots=True, frozen=True)
class UnitState:
    """One unit now. exit_code < 0: ended by that signal. started_at: epoch seconds, None when not running."""

    unit: str
    state: str
    pid: int | None = None
    exit_code: int | None = None
    restarts: int = 0
    started_at: float | None = None
    fatal: bool = False
    oom_kills: int = 0
    memory_limit_mb: float | None = None
    release: str | None = None
    limit_kind: str | None = None


@dataclass(slots=True, frozen=True)
class ChildStat:
    """A descendant process. cpu_pct: % of one core since the last look; state: letter of /proc/PID/stat; private_mb:
    memory it shares with nobody, None where that cannot be told."""

    pid: int
    name: str
    cmdline: str
    cpu_pct: float
    rss_mb: float
    state: str
    private_mb: float | None = None

    @property
    def own_mb(self) -> float:
        """The memory that would be free without it, as far as can be told."""
        return self.rss_mb if self.private_mb is None else self.private_mb


@dataclass(slots=True, frozen=True)
class UnitStats:
    """Measurements of the main process, and of its descendants one by one (zombies are only counted). None: it cannot
    be told from here."""

    cpu_pct: float
    rss_mb: float
    threads: int
    fds: int | None
    proc_state: str
    zombies: int | None = 0
    children: list[ChildStat] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class ExecResult:
    """code: exit code, negative = signal (-9 when the time was up). out, err: at most 64 KB each."""

    code: int
    out: str = ""
    err: str = ""
    timed_out: bool = False


@dataclass(slots=True, frozen=True)
class RuntimeEvent:
    """kind: exit started fatal oom state. at: epoch seconds. state: only for kind `state`. oom: of an
    exit, as far as is known by then; the `oom` event may come before it or after."""

    kind: str
    unit: str
    pid: int | None = None
    exit_code: int | None = None
    at: float = 0.0
    oom: bool = False
    state: str = ""


@dataclass(slots=True, frozen=True)
class Setting:
    """One thing of how a unit is run. coming: what is written for it and not in effect yet. The value may hold a
    secret."""

    value: str
    coming: str | None = None


Units = list[UnitState]  # `list` is a method's name below
Lines = list[str]
Specs = dict[str, dict[str, Setting]]  # unit -> name -> how it is set
Said = dict[str, Chunk]  # stream (stdout, stderr; one that is both has no name) -> what was said on it


@runtime_checkable
class Runtime(Protocol):
    """Every method but events() is synchronous; all raise RuntimeFailed (StaleFence: an old token).

    `fence`: a rising number per unit; None skips the check. Mutating calls return when the effect is there.

    specs(): how each unit is run. The same names mean the same with every driver: `command`, `restart policy`,
    `environment: NAME`, `image`, `cpus`, `processes`, `network NAME`, `replicas`...

    here: may the units' processes be of this machine at all? Told without asking anybody.
    nearby(): are the unit's processes of this machine, under the pids that stats() gives? Cheap enough to ask often.

    scale() makes it `n` alike: `unit`, `unit-2` to `unit-n`, whose states it gives.

    logs_since() gives every line once: what the unit said since `cursor`, which is the text that an earlier call of
    any process gave (None: nothing, from now on; empty: all there is), and the next cursor. Restarts do not matter.
    Memory is bounded: a line is cut at LINE_LIMIT, one call gives READ_LIMIT bytes and the next goes on from there,
    and of what lies further behind than BACKLOG_LIMIT the middle is left out and counted as `skipped`.
    """

    driver: str

    @property
    def here(self) -> bool: ...
    def list(self) -> Units: ...
    def state(self, unit: str) -> UnitState: ...
    def specs(self) -> Specs: ...
    def start(self, unit: str, fence: int | None = None) -> UnitState: ...
    def stop(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState: ...
    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState: ...
    def kill(self, unit: str, fence: int | None = None) -> None: ...
    def signal(self, unit: str, sig: str, fence: int | None = None) -> None: ...
    def pause(self, unit: str, fence: int | None = None) -> None: ...
    def resume(self, unit: str, fence: int | None = None) -> None: ...
    def exec(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult: ...
    def logs(self, unit: str, tail: int = 100) -> Lines: ...
    def logs_since(self, unit: str, cursor: str | None) -> tuple[Said, str]: ...
    def stats(self, unit: str) -> UnitStats | None: ...
    def nearby(self, unit: str) -> bool: ...
    def limits(self, unit: str, memory_mb: float | None, fence: int | None = None) -> UnitState: ...
    def release(self, unit: str, version: str, fence: int | None = None) -> UnitState: ...
    def scale(self, unit: str, n: int, fence: int | None = None) -> Units: ...
    def events(self) -> AsyncIterator[RuntimeEvent]: ...
