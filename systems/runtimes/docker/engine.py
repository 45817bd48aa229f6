"""The engine a docker driver talks to, and which of its containers are units. The only file that imports the SDK."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import docker
import docker.errors
import docker.utils
from docker.context import ContextAPI

from ..base import NotRunning, RuntimeFailed
from .view import COMPOSE, Scope

ENGINE = "unix:///var/run/docker.sock"
TIMEOUT_S = 10.0  # one answer of the engine
CLOCK_HOLDS_S = 60.0  # how long a comparison of its clock with ours is good
SAME_CLOCK_S = 0.05
KNOWN_FOR_S = 1.2  # how long an inspection serves measurements; a look at all units each second renews it
UNCHANGED_FOR_S = 5.0  # how long one serves a look at all units while no event tells of a change
# A stream of events is silent for hours, also when its other end has gone without a word.
ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]
TAG = re.compile(r"<[^>]*>")
Raw = dict[str, Any]
Refused = docker.errors.APIError
NotFound = docker.errors.NotFound
ImageNotFound = docker.errors.ImageNotFound


def scope_of(options: Mapping[str, Any]) -> Scope:
    """RuntimeFailed: no project, or a prefix that no compose service can have."""
    project, prefix = str(options.get("project") or ""), str(options.get("prefix") or "")
    if not project:
        raise RuntimeFailed("runtime.project: the docker driver needs the compose project's name")
    if not re.fullmatch(r"[\w.-]*", prefix, re.ASCII):
        raise RuntimeFailed(f"runtime.prefix: no compose service can be called {prefix}...")
    return Scope(project, prefix)


def address() -> dict[str, Any]:
    """Where the docker command finds its engine, as the SDK's base_url and tls: DOCKER_HOST, else the context that is
    in use, else this machine's socket."""
    if os.environ.get("DOCKER_HOST"):
        return dict(docker.utils.kwargs_from_env())
    # Whatever stands in the files of a context.
    with suppress(docker.errors.DockerException, OSError, ValueError, KeyError):
        if found := ContextAPI.kwargs_from_context():
            return dict(found)
    return {"base_url": ENGINE}


class Engine:
    """A lazy connection. Every call raises RuntimeFailed with the engine's words when it refuses or is away."""

    def __init__(self, url: str | None, scope: Scope) -> None:
        self._where = {"base_url": url} if url else address()
        self.url = str(self._where["base_url"])
        self.scope = scope
        self.memory_total = 1 << 62  # bytes of its machine, once connected
        # When the engine's clock was compared with ours, and how far ahead it was.
        self._clock: tuple[float, float] | None = None
        self._client: Any = None
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Raw]] = {}  # for measurements
        self._seen: dict[str, tuple[float, int, Raw]] = {}  # for looks at all units, with the mark of then
        self._ids: tuple[float, dict[str, str]] = (0.0, {})
        self._terminals: dict[str, bool] = {}

    @property
    def local(self) -> bool:
        """May processes be signalled past the engine? Over TCP it may be a proxy that says what we may do."""
        return self.url.startswith("unix:")

    @property
    def api(self) -> Any:
        """The SDK's low-level client."""
        with self._lock, self.asking("connect"):
            if self._client is None:
                client = docker.APIClient(**self._where, version="auto", timeout=TIMEOUT_S)
                if not self.local:
                    client.get_adapter(client.base_url).poolmanager.connection_pool_kw["socket_options"] = (
                        ALIVE
                    )
                with suppress(docker.errors.APIError):  # a proxy may keep this to itself
                    self.memory_total = int(client.info().get("MemTotal") or 0) or self.memory_total
                self._client = client
            return self._client

    def now(self) -> float:
        """The time by the engine's clock, which may be another machine's; ours where it does not tell. Rather a moment
        late than early, so that everything it has told of until now is before it."""
        if self._clock is None or time.monotonic() - self._clock[0] > CLOCK_HOLDS_S:
            ahead, asked = 0.0, time.time()
            with suppress(docker.errors.APIError, ValueError):  # a proxy may keep this to itself
                told = datetime.fromisoformat(self.api.info().get("SystemTime", "")).timestamp()
                if not asked - SAME_CLOCK_S <= told <= time.time() + SAME_CLOCK_S:
                    ahead = told - asked
            self._clock = (time.monotonic(), ahead)
        return time.time() + self._clock[1]

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except docker.errors.APIError as exc:
            words = " ".join(TAG.sub(" ", str(exc.explanation or exc)).split())[:500]
            down = "is not running" in words or "is restarting, wait" in words
            failed = NotRunning if down else RuntimeFailed
            raise failed(f"the Docker engine refuses ({what}): {words}") from exc
        except (docker.errors.DockerException, OSError) as exc:  # OSError: also what `requests` raises
            raise RuntimeFailed(
                f"no Docker engine answers at {self.url} ({what}): start it, or use --runtime process"
            ) from exc

    @contextmanager
    def reading(self, what: str, path: str, **params: object) -> Iterator[Iterator[bytes]]:
        """The pieces of an answer as they come. It need not be read to its end."""
        api = self.api
        with self.asking(what):
            url = f"{api.base_url}/v{api.api_version}{path}"
            with api.get(url, params=params, stream=True, timeout=TIMEOUT_S) as answer:
                try:
                    answer.raise_for_status()
                except OSError as exc:
                    raise docker.errors.create_api_error_from_http_exception(exc) from exc
                yield answer.iter_content(65536)

    def containers(self, fresh: bool = True) -> dict[str, str]:
        """Unit -> container id, of the newest container where a replacement is under way."""
        at, found = self._ids
        if not fresh and time.monotonic() - at < KNOWN_FOR_S:
            return found
        api = self.api
        with self.asking("list"):
            rows = api.containers(all=True, filters={"label": self.scope.labels})
        found = {}
        for row in sorted(rows, key=lambda r: r["Created"]):
            if unit := self.scope.unit_of(row.get("Labels") or {}):
                found[unit] = row["Id"]
        self._ids = (time.monotonic(), found)
        return found

    def replicas(self, unit: str) -> dict[int, str]:
        """The containers of the unit's service by their number. RuntimeFailed: `unit` is no whole service."""
        service = self.scope.prefix + unit
        api = self.api
        self.container(unit)
        with self.asking("list"):
            wanted = [*self.scope.labels, f"{COMPOSE}service={service}", f"{COMPOSE}oneoff=False"]
            rows = api.containers(all=True, filters={"label": wanted})
        if not rows:
            raise RuntimeFailed(f"{unit} is one of several containers of a service: name the service")
        return {int(row["Labels"].get(f"{COMPOSE}container-number", 1)): row["Id"] for row in rows}

    def image_of(self, raw: Raw) -> tuple[str, Raw]:
        """(name, configuration) of the image that the container was made of, whatever its tag means by now."""
        api, name = self.api, raw["Config"]["Image"]
        with suppress(ImageNotFound):
            named = api.inspect_image(name)
            if named["Id"] == raw["Image"]:
                return name, named["Config"] or {}
        with suppress(ImageNotFound):
            return raw["Image"], api.inspect_image(raw["Image"])["Config"] or {}
        return name, {}

    def container(self, unit: str, fresh: bool = True) -> str:
        """The id of the unit's container."""
        found = self.containers(fresh)
        if unit not in found:
            found = self.containers()
        if unit not in found:
            there = ", ".join(sorted(found)) or "none (is it up?)"
            raise RuntimeFailed(f"there is no unit {unit!r} in {self.scope}: there are {there}")
        return found[unit]

    def has_terminal(self, container: str) -> bool:
        """Was it made with one? Its output is then in another form."""
        if container not in self._terminals:
            api = self.api
            with self.asking("inspect"):
                self._terminals[container] = bool(api.inspect_container(container)["Config"].get("Tty"))
        return self._terminals[container]

    def inspect(self, unit: str, fresh: bool = True) -> Raw:
        """What the engine tells of the unit's container. fresh: asked now."""
        at, raw = self._known.get(unit, (0.0, {}))
        if not fresh and time.monotonic() - at < KNOWN_FOR_S:
            return raw
        container = self.container(unit, fresh)
        with self.asking(f"inspect {unit}"):
            raw = dict(self.api.inspect_container(container))
        self._known[unit] = (time.monotonic(), raw)
        return raw

    def inspect_all(self, mark: Callable[[str], int] | None = None) -> dict[str, Raw]:
        """Unit -> what the engine tells of its container. `mark`: changes with each event of a unit; one that ran and
        has the mark of the last look runs on, and is asked for only now and then."""
        found: dict[str, Raw] = {}
        api, now = self.api, time.monotonic()
        for unit, container in self.containers().items():
            news = mark(unit) if mark else -1
            at, before, raw = self._seen.get(unit, (0.0, 0, {}))
            runs_on = raw.get("Id") == container and raw["State"].get("Running") and before == news
            if not runs_on or now - at > UNCHANGED_FOR_S:
                raw = {}
                with self.asking("list"), suppress(NotFound):  # it went while we looked
                    raw = dict(api.inspect_container(container))
                    self._seen[unit] = (now, news, raw)
            if raw:
                found[unit] = raw
                self._known[unit] = (now, raw)
        return found

    def forget(self, unit: str) -> None:
        """What was known of it is old."""
        self._known.pop(unit, None)
        self._seen.pop(unit, None)
        self._ids = (0.0, {})
