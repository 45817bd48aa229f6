"""The docker driver: the containers of one compose project, found by their labels, ours or not.

Nothing else imports the SDK. Helpers: dockerview (what answers mean), dockerfeed (events), dockerlook (inside a
container), dockerswap (its replacement), dockerkeep (notes that outlive us).
"""

from __future__ import annotations

import asyncio
import math
import os
import signal as signals
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.utils

from .base import ExecResult, Lines, RuntimeEvent, RuntimeFailed, Units, UnitState, UnitStats
from .dockerfeed import Feed, History
from .dockerkeep import Keep
from .dockerlook import CpuMeter, engine_stats, run, send, tail_of, visible
from .dockerswap import cut, mend, replace_container
from .dockerview import COMPOSE, MB, comes_back, successor, unit_of, unit_state, with_tag
from .proctable import ProcTable

ENGINE = "unix:///var/run/docker.sock"
TIMEOUT_S = 10.0  # one answer of the engine
GRACE_DEFAULT_S = 10  # the engine's own, where a container names none
EFFECT_S = 10.0  # until a kill's effect shows
KNOWN_FOR_S = 0.5  # how long an inspection serves stats() and logs()
Raw = dict[str, Any]


class DockerRuntime:
    """options: {project: compose project, engine: url?, state: file?}; `state` is relative to base_dir.

    Units are named by their compose service. Releases are image tags. Needs no container of its own.
    """

    driver = "docker"

    def __init__(self, options: Mapping[str, Any], base_dir: Path) -> None:
        self.project = str(options.get("project") or "")
        if not self.project:
            raise RuntimeFailed("runtime.project: the docker driver needs the compose project's name")
        self.engine = str(options.get("engine") or os.environ.get("DOCKER_HOST") or ENGINE)
        self._tls = {} if options.get("engine") else docker.utils.kwargs_from_env()
        self.base_dir = Path(base_dir)
        self._keep = Keep(self.base_dir / str(options.get("state") or f"run/docker-{self.project}.json"))
        self._history = History(self.project)
        self._table, self._meter = ProcTable(), CpuMeter()
        self._client: Any = None
        self._memory_total = 0
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Raw]] = {}

    # ---- the engine
    def _api(self) -> Any:
        with self._lock, self._asking("connect"):
            if self._client is None:
                where = {"base_url": self.engine, "version": "auto", "timeout": TIMEOUT_S} | self._tls
                client = docker.APIClient(**where)
                self._memory_total = int(client.info().get("MemTotal") or 0) or 1 << 62
                self._client = client
            return self._client

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except docker.errors.APIError as exc:
            raise RuntimeFailed(f"the Docker engine refuses ({what}): {exc.explanation or exc}") from exc
        except (docker.errors.DockerException, OSError) as exc:  # OSError: also what `requests` raises
            raise RuntimeFailed(
                f"no Docker engine answers at {self.engine} ({what}): start it, or use --runtime process"
            ) from exc

    def _containers(self) -> dict[str, str]:
        """Unit -> container id, of the newest container where a replacement is under way."""
        wanted = {"label": [f"{COMPOSE}project={self.project}"]}
        api = self._api()
        with self._asking("list"):
            rows = api.containers(all=True, filters=wanted)
        found: dict[str, str] = {}
        for row in sorted(rows, key=lambda r: r["Created"]):
            labels = row.get("Labels") or {}
            if labels.get(COMPOSE + "oneoff", "False") != "True":
                found[unit_of(labels)] = row["Id"]
        return found

    def _one(self, unit: str, fresh: bool = True) -> Raw:
        """The inspection of a unit's container."""
        at, raw = self._known.get(unit, (0.0, {}))
        if not fresh and time.monotonic() - at < KNOWN_FOR_S:
            return raw
        containers = self._containers()
        if unit not in containers:
            there = ", ".join(sorted(containers)) or "none (is it up?)"
            raise RuntimeFailed(f"there is no unit {unit!r} in {self.project}: there are {there}")
        with self._asking(f"inspect {unit}"):
            raw = dict(self._client.inspect_container(containers[unit]))
        self._known[unit] = (time.monotonic(), raw)
        return raw

    def _running(self, unit: str) -> Raw:
        raw = self._one(unit)
        if not raw["State"].get("Pid"):
            raise RuntimeFailed(f"{unit} is not running ({self._see(unit, raw).state})")
        return raw

    def _see(self, unit: str, raw: Raw) -> UnitState:
        with self._asking("events"):
            self._history.catch_up(self._api())
        return unit_state(unit, raw, self._history.of(unit), self._memory_total)

    @contextmanager
    def _act(self, op: str, unit: str, fence: int | None) -> Iterator[str]:
        """Checks the token; gives the container's id."""
        raw = self._one(unit)
        self._keep.check(unit, fence)
        try:
            with self._asking(f"{op} {unit}"):
                yield raw["Id"]
        finally:
            self._known.pop(unit, None)

    def inspections(self) -> dict[str, Raw]:
        """Unit -> what the engine tells of its container."""
        found: dict[str, Raw] = {}
        containers = self._containers()
        with self._asking("list"):
            for unit, container in containers.items():
                with suppress(docker.errors.NotFound):  # it went while we looked
                    found[unit] = dict(self._client.inspect_container(container))
        return found

    # ---- units
    def list(self) -> Units:
        raws = self.inspections()
        with self._asking("events"):
            self._history.catch_up(self._client)
        return [unit_state(u, raw, self._history.of(u), self._memory_total) for u, raw in raws.items()]

    def state(self, unit: str) -> UnitState:
        return self._see(unit, self._one(unit))

    def start(self, unit: str, fence: int | None = None) -> UnitState:
        with self._act("start", unit, fence) as container:
            self._client.start(container)
        return self.state(unit)

    def _stop(self, unit: str, grace_s: float | None) -> None:
        raw = self._one(unit)
        if raw["State"].get("Paused"):
            self._client.kill(raw["Id"], "KILL")  # a frozen process takes no other; the engine thaws it
        patience = grace_s if grace_s is not None else raw["Config"].get("StopTimeout") or GRACE_DEFAULT_S
        self._client.stop(raw["Id"], timeout=math.ceil(patience))  # ends in KILL
        if self._one(unit)["State"].get("Running"):
            raise RuntimeFailed(f"{unit} does not end: not even KILL helped")

    def stop(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        with self._act("stop", unit, fence):
            self._stop(unit, grace_s)
        return self.state(unit)

    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        with self._act("restart", unit, fence) as container:
            self._stop(unit, grace_s)
            self._client.start(container)
        return self.state(unit)

    def kill(self, unit: str, fence: int | None = None) -> None:
        """A crash: what the container's restart policy promises happens, whoever had to send the signal."""
        with self._act("kill", unit, fence) as container:
            raw = self._running(unit)
            pid = raw["State"]["Pid"]
            if raw["State"].get("Paused"):
                self._client.unpause(container)  # a frozen process does not even die
            sent = send(pid, container, signals.SIGKILL)
            if not sent:
                self._client.kill(container, "KILL")
            self._gone(unit, pid)
            if not sent and comes_back(raw):
                self._client.start(container)  # after a kill of its own the engine would not

    def _gone(self, unit: str, pid: int) -> None:
        end = time.monotonic() + EFFECT_S
        while self._one(unit)["State"].get("Pid") == pid:
            if time.monotonic() > end:
                raise RuntimeFailed(f"{unit} does not end: not even KILL helped")
            time.sleep(0.02)

    def signal(self, unit: str, sig: str, fence: int | None = None) -> None:
        number = getattr(signals, "SIG" + sig.upper().removeprefix("SIG"), None)
        if number is None:
            raise RuntimeFailed(f"there is no signal {sig!r}")
        with self._act("signal", unit, fence) as container:
            if not send(self._running(unit)["State"]["Pid"], container, number):
                self._client.kill(container, int(number))

    def pause(self, unit: str, fence: int | None = None) -> None:
        with self._act("pause", unit, fence) as container:
            if not self._running(unit)["State"].get("Paused"):
                self._client.pause(container)

    def resume(self, unit: str, fence: int | None = None) -> None:
        with self._act("resume", unit, fence) as container:
            raw = self._running(unit)
            if raw["State"].get("Paused"):
                self._client.unpause(container)
            elif not send(raw["State"]["Pid"], container, signals.SIGCONT):
                self._client.kill(container, "CONT")

    def exec(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult:
        with self._act("exec", unit, fence) as container:
            self._running(unit)
            return run(self._client, container, argv, timeout_s)

    def limits(self, unit: str, memory_mb: float | None, fence: int | None = None) -> UnitState:
        """Memory and swap together, so that the kernel's kill is real. None: as much as the machine has."""
        with self._act("limits", unit, fence) as container:
            limit = self._memory_total if memory_mb is None else int(memory_mb * MB)
            self._client.update_container(container, mem_limit=limit, memswap_limit=limit)
        return self.state(unit)

    def release(self, unit: str, version: str, fence: int | None = None) -> UnitState:
        """The same container on its image's tag `version`; the old one is back if the new does not start."""
        with self._act("release", unit, fence):
            raw = self._one(unit)
            image = with_tag(raw["Config"]["Image"], version)
            try:
                self._client.inspect_image(image)
            except docker.errors.ImageNotFound as exc:
                raise RuntimeFailed(
                    f"there is no release {version} of {unit}: no image {image} here"
                ) from exc
            old: Raw = {}
            with suppress(docker.errors.ImageNotFound):
                old = self._client.inspect_image(raw["Image"])["Config"] or {}
            config, networks = successor(raw, old, image)
            self._stop(unit, None)
            replace_container(self._client, raw, config, networks)
        return self.state(unit)

    # ---- networks
    def disconnect(self, unit: str, network: str | None = None, fence: int | None = None) -> Lines:
        """Cuts the unit off from `network` (None: from all); gives what was cut. reconnect() undoes it."""
        with self._act("disconnect", unit, fence):
            return cut(self._client, self._keep, unit, self._one(unit), network)

    def reconnect(self, unit: str, fence: int | None = None) -> Lines:
        """Back on every network it was cut from, under its old names."""
        with self._act("reconnect", unit, fence):
            return mend(self._client, self._keep, unit, self._one(unit))

    # ---- measurements
    def stats(self, unit: str) -> UnitStats | None:
        """None when the unit is not running. From /proc where its processes can be seen, else the engine's."""
        raw = self._one(unit, fresh=False)
        pid, container = raw["State"].get("Pid"), raw["Id"]
        if not pid:
            return None
        if visible(pid, container):
            found = self._table.stats(pid)
        else:
            with self._asking(f"stats {unit}"):
                found = engine_stats(self._api(), container, pid, self._meter)
        frozen = found is not None and raw["State"].get("Paused")
        return replace(found, proc_state="T") if found and frozen else found

    def logs(self, unit: str, tail: int = 100) -> Lines:
        with self._asking(f"logs {unit}"):
            return tail_of(self._api(), self._one(unit, fresh=False)["Id"], tail)

    # ---- events
    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Pushed events, for ever; after a lost connection `state` events tell what changed meanwhile."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[RuntimeEvent]()

        def put(event: RuntimeEvent) -> None:
            self._known.pop(event.unit, None)
            loop.call_soon_threadsafe(queue.put_nowait, event)

        feed = Feed(self.project, self._api, self.list, put)
        feed.start()
        try:
            while True:
                yield await queue.get()
        finally:
            feed.close()
