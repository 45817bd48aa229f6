"""The docker driver: the containers of one compose project, found by their labels, ours or not.

Beside it: engine (through the SDK), view (what answers mean), feed (events), look (inside a container), reach (its
processes), logs (its output), swap (others in its place or beside it), keep (notes that outlive us).
"""

from __future__ import annotations

import asyncio
import math
import signal as signals
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..base import (
    ExecResult,
    Lines,
    NotRunning,
    RuntimeEvent,
    RuntimeFailed,
    Said,
    Specs,
    Units,
    UnitState,
    UnitStats,
)
from . import swap
from .engine import Engine, Raw, Refused, scope_of
from .feed import Feed, History
from .keep import Keep
from .logs import Output
from .look import run, tail_of
from .reach import Reach
from .specs import specs_of
from .view import MB, comes_back, endpoints, grace_of, unit_state

EFFECT_S = 10.0  # until a kill's effect shows


class DockerRuntime:
    """options: {project: compose project, prefix: text?, engine: url?, state: file?}; `state` is relative to base_dir.

    Units are named by their compose service, without the `prefix` that all of them share: others are not seen.
    Releases are image tags. Needs no container of its own.
    """

    driver = "docker"

    def __init__(self, options: Mapping[str, Any], base_dir: Path) -> None:
        scope = scope_of(options)
        self.engine = Engine(options.get("engine"), scope)
        self.base_dir = Path(base_dir)
        notes = f"run/docker-{scope.project}{'.' if scope.prefix else ''}{scope.prefix}.json"
        self._keep = Keep(self.base_dir / str(options.get("state") or notes))
        self._history = History(scope)
        self._reach = Reach(self.engine, self._history.mark)
        self._output = Output(self.engine)

    def _running(self, unit: str) -> Raw:
        raw = self.engine.inspect(unit)
        if not raw["State"].get("Pid"):
            raise NotRunning(f"{unit} is not running ({self._see(unit, raw).state})")
        return raw

    def _see(self, unit: str, raw: Raw) -> UnitState:
        with self.engine.asking("events"):
            self._history.catch_up(self.engine.api, self.engine.now())
        return unit_state(unit, raw, self._history.of(unit), self.engine.memory_total)

    @contextmanager
    def _act(self, op: str, unit: str, fence: int | None) -> Iterator[str]:
        """Checks the token; gives the container's id."""
        raw = self.engine.inspect(unit)
        self._keep.check(unit, fence)
        try:
            with self.engine.asking(f"{op} {unit}"):
                yield raw["Id"]
        finally:
            self.engine.forget(unit)

    def inspections(self) -> dict[str, Raw]:
        """Unit -> what the engine tells of its container."""
        return self.engine.inspect_all()

    # ---- units
    def list(self) -> Units:
        with self.engine.asking("events"):
            self._history.catch_up(self.engine.api, self.engine.now())
        raws = self.engine.inspect_all(self._history.mark)
        return [unit_state(u, raw, self._history.of(u), self.engine.memory_total) for u, raw in raws.items()]

    def state(self, unit: str) -> UnitState:
        return self._see(unit, self.engine.inspect(unit))

    def specs(self) -> Specs:
        return specs_of(self.engine.inspect_all(self._history.mark))

    def start(self, unit: str, fence: int | None = None) -> UnitState:
        with self._act("start", unit, fence):
            self._start(unit)
        return self.state(unit)

    def _start(self, unit: str) -> None:
        """Of one that died, an update that changes nothing tells everybody who reads the engine's events that this
        start is wanted, and no restart after a crash."""
        raw = self.engine.inspect(unit)
        if not raw["State"].get("Running"):
            with suppress(Refused):
                self.engine.api.update_container(
                    raw["Id"], restart_policy=raw["HostConfig"].get("RestartPolicy")
                )
        self.engine.api.start(raw["Id"])

    def _stop(self, unit: str, grace_s: float | None) -> None:
        raw = self.engine.inspect(unit)
        if raw["State"].get("Paused"):
            self.engine.api.kill(raw["Id"], "KILL")  # a frozen process takes no other; the engine thaws it
        patience = grace_s if grace_s is not None else grace_of(raw)
        self.engine.api.stop(raw["Id"], timeout=math.ceil(patience))  # ends in KILL
        if self.engine.inspect(unit)["State"].get("Running"):
            raise RuntimeFailed(f"{unit} does not end: not even KILL helped")

    def stop(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        with self._act("stop", unit, fence):
            self._stop(unit, grace_s)
        return self.state(unit)

    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        with self._act("restart", unit, fence):
            self._stop(unit, grace_s)
            self._start(unit)
        return self.state(unit)

    def kill(self, unit: str, fence: int | None = None) -> None:
        """A crash: what the container's restart policy promises happens, whoever had to send the signal."""
        with self._act("kill", unit, fence) as container:
            raw = self._running(unit)
            pid = raw["State"]["Pid"]
            if raw["State"].get("Paused"):
                self.engine.api.unpause(container)  # a frozen process does not even die
            sent = self._reach.send(unit, raw, signals.SIGKILL)
            if not sent:
                self.engine.api.kill(container, "KILL")
            self._until(unit, lambda now: now.get("Pid") != pid)
            if not sent and comes_back(raw):
                self.engine.api.start(container)  # after a kill of its own the engine would not

    def take_down(self, unit: str, fence: int | None = None) -> UnitState:
        """Killed by the engine itself, which does not bring it back whatever its restart policy promises: FATAL
        until somebody starts it. One that is down stays as it is."""
        with self._act("kill", unit, fence) as container:
            if self.engine.inspect(unit)["State"].get("Paused"):
                self.engine.api.unpause(container)  # killed while frozen reads as stopped by somebody
            self._until(unit, lambda now: not now.get("Running") or self._killed(container))
            self._until(unit, lambda now: not now.get("Running"))
        return self.state(unit)

    def _killed(self, container: str) -> bool:
        """By the engine, also while it waits to be restarted. False: it was just ending or starting, so try again."""
        try:
            self.engine.api.kill(container, "KILL")
        except Refused as exc:
            if exc.status_code not in (409, 500):
                raise
            return False
        return True

    def _until(self, unit: str, true: Callable[[Raw], bool]) -> None:
        """Wait for the effect of a KILL on the engine's `State`."""
        end = time.monotonic() + EFFECT_S
        while not true(self.engine.inspect(unit)["State"]):
            if time.monotonic() > end:
                raise RuntimeFailed(f"{unit} does not end: not even KILL helped")
            time.sleep(0.02)

    def signal(self, unit: str, sig: str, fence: int | None = None) -> None:
        number = getattr(signals, "SIG" + sig.upper().removeprefix("SIG"), None)
        if number is None:
            raise RuntimeFailed(f"there is no signal {sig!r}")
        with self._act("signal", unit, fence):
            self._reach.tell(unit, self._running(unit), number)

    def pause(self, unit: str, fence: int | None = None) -> None:
        with self._act("pause", unit, fence) as container:
            if not self._running(unit)["State"].get("Paused"):
                self.engine.api.pause(container)

    def resume(self, unit: str, fence: int | None = None) -> None:
        with self._act("resume", unit, fence) as container:
            raw = self._running(unit)
            if raw["State"].get("Paused"):
                self.engine.api.unpause(container)
            else:
                self._reach.tell(unit, raw, signals.SIGCONT)

    def exec(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult:
        with self._act("exec", unit, fence) as container:
            self._running(unit)
            return run(self.engine.api, container, argv, timeout_s)

    def limits(self, unit: str, memory_mb: float | None, fence: int | None = None) -> UnitState:
        """Memory and swap together, so that the kernel's kill is real. None: as much as the machine has."""
        with self._act("limits", unit, fence) as container:
            limit = self.engine.memory_total if memory_mb is None else int(memory_mb * MB)
            self.engine.api.update_container(container, mem_limit=limit, memswap_limit=limit)
        return self.state(unit)

    def release(self, unit: str, version: str, fence: int | None = None) -> UnitState:
        """The same container on its image's tag `version`; the old one is back if the new does not start."""
        with self._act("release", unit, fence):
            change = swap.to_release(self.engine, unit, version)
            self._stop(unit, None)
            swap.replace_container(self.engine.api, *change)
        return self.state(unit)

    def scale(self, unit: str, n: int, fence: int | None = None) -> Units:
        """The service in `n` containers: more like its first one, or fewer, the last ones first. They are reached by
        the service's name on its networks; a fixed port of the machine stays with the first."""
        with self._act("scale", unit, fence):
            names = swap.scale(self.engine, unit, n)
        return [self.state(name) for name in names]

    # ---- networks
    def disconnect(self, unit: str, network: str | None = None, fence: int | None = None) -> Lines:
        """Cuts the unit off from `network` (None: from all); gives what was cut. reconnect() undoes it."""
        with self._act("disconnect", unit, fence):
            return swap.cut(self.engine.api, self._keep, unit, self.engine.inspect(unit), network)

    def networks(self, unit: str) -> Raw:
        """Network -> how the unit hangs on it: what reconnect() needs when our own notes may be gone."""
        return endpoints(self.engine.inspect(unit))

    def reconnect(self, unit: str, fence: int | None = None, ends: Raw | None = None) -> Lines:
        """Back on every network it was cut from (or those of `ends`), under its old names."""
        with self._act("reconnect", unit, fence):
            return swap.mend(self.engine.api, self._keep, unit, self.engine.inspect(unit), ends)

    # ---- measurements
    def stats(self, unit: str) -> UnitStats | None:
        """None when the unit is not running. From /proc where its processes can be seen, else the engine's."""
        return self._reach.stats(unit)

    @property
    def here(self) -> bool:
        return self.engine.local

    def nearby(self, unit: str) -> bool:
        """Never over TCP, where a proxy may stand for what must not be done."""
        return self._reach.near()

    def logs(self, unit: str, tail: int = 100) -> Lines:
        with self.engine.asking(f"logs {unit}"):
            return tail_of(self.engine.api, self.engine.inspect(unit, fresh=False)["Id"], tail)

    def logs_since(self, unit: str, cursor: str | None) -> tuple[Said, str]:
        """A replaced container's last words are lost if it is gone before we look."""
        return self._output.since(unit, cursor)

    # ---- events
    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Pushed events, for ever; after a lost connection `state` events tell what changed meanwhile."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[RuntimeEvent]()

        def put(event: RuntimeEvent) -> None:
            self.engine.forget(event.unit)
            loop.call_soon_threadsafe(queue.put_nowait, event)

        feed = Feed(self.engine.scope, lambda: self.engine.api, self.list, put)
        feed.start()
        try:
            while True:
                yield await queue.get()
        finally:
            feed.close()
