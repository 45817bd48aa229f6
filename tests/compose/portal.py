"""A copy of the portal in containers, for tests: its own compose project, port and volumes, of this checkout.

with running(profiles=["sandbox"]) as portal:
    portal.up(scale={"worker": 3})
    portal.wait_ready()
    client = portal.login()
"""

from __future__ import annotations

import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx

from opsportal.local.attach import ROOT
from opsportal.local.ports import free_port

READY_S = 240.0
LOOK_S = 0.3
STAND_INS = {  # of the stock images, where CI has made them
    "PYTHON_IMAGE": "opsportal-ci/python:3.11",
    "POSTGRES_IMAGE": "opsportal-ci/postgres:18",
    "REDIS_IMAGE": "opsportal-ci/redis:9",
}
Found = TypeVar("Found")


@cache
def images() -> dict[str, str]:
    """What the containers are made of: the environment's images, else stand-ins that are here, else the stock ones."""
    there = subprocess.run(["docker", "image", "inspect", *STAND_INS.values()], capture_output=True)
    stand_ins = STAND_INS if there.returncode == 0 else {}
    return {name: value for name in STAND_INS if (value := os.environ.get(name) or stand_ins.get(name))}


def until(look: Callable[[], Found | None], seconds: float, say: Callable[[], object]) -> Found:
    """Look until it gives something. AssertionError with what `say` tells when it does not in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, say()
        time.sleep(LOOK_S)
    return found


class Portal:
    """One compose project. `env` adds to what compose itself reads (SHOP_PORT, DOCKER_SOCKET, ...); `files` are
    further compose files."""

    def __init__(
        self,
        profiles: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        self.project = f"opsportal-test-{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        ports = {"OPSPORTAL_PORT": str(self.port), "SHOP_PORT": str(free_port())}
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "OPSPORTAL_", "SHOP_"))}
        self.env = outer | images() | ports | dict(env or {})
        self._argv = ["docker", "compose", "--project-name", self.project]
        for file in (ROOT / "docker-compose.yml", *files):
            self._argv += ["--file", str(file)]
        for profile in profiles:
            self._argv += ["--profile", profile]

    def compose(self, *words: str, given: str | None = None) -> str:
        """What `docker compose WORDS` prints. AssertionError with its complaints when it fails; `given`: its input."""
        done = subprocess.run(
            [*self._argv, *words], cwd=ROOT, env=self.env, input=given, capture_output=True, text=True
        )
        assert done.returncode == 0, f"docker compose {' '.join(words)}: {done.stderr[-3000:]}"
        return done.stdout

    def up(self, *services: str, scale: Mapping[str, int] | None = None, build: bool = True) -> None:
        """Start in the background; returns when all containers are started, and the one-shots among them done."""
        many = [word for name, n in (scale or {}).items() for word in ("--scale", f"{name}={n}")]
        try:
            self.compose("up", "--detach", *(["--build"] if build else []), *many, *services)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs('secrets', 'setup')}") from None

    def down(self, *, volumes: bool = True) -> None:
        self.compose("down", "--timeout", "3", "--remove-orphans", *(["--volumes"] if volumes else []))

    def execute(self, service: str, *argv: str, user: str = "", given: str = "") -> str:
        """What a command inside prints. AssertionError when it fails."""
        who = ["--user", user] if user else []
        return self.compose("exec", "--no-TTY", *who, service, *argv, given=given)

    def manage(self, *words: str) -> str:
        """What `manage.py WORDS` prints, run where actions run."""
        return self.execute("worker", "python", "manage.py", *words)

    def logs(self, *services: str) -> str:
        return self.compose("logs", "--no-color", *services)

    def containers(self, service: str) -> list[str]:
        """The ids of the service's containers that run."""
        return self.compose("ps", "--quiet", "--status", "running", service).split()

    def states(self) -> dict[str, str]:
        """Container name -> how it is, in the engine's words."""
        told = self.compose("ps", "--all", "--format", "{{.Name}}\t{{.Status}}")
        return dict(line.split("\t") for line in told.splitlines())

    def health(self) -> dict[str, Any]:
        """What /healthz says; empty when nobody answers."""
        try:
            answer: dict[str, Any] = httpx.get(f"{self.url}/healthz", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return answer

    def worker(self) -> dict[str, Any]:
        """What /healthz says of the workers; empty when nobody answers."""
        found: dict[str, Any] = self.health().get("parts", {}).get("worker", {})
        return found

    def wait_ready(self, seconds: float = READY_S) -> dict[str, Any]:
        """The parts that /healthz tells, once it says `ready`."""

        def look() -> dict[str, Any] | None:
            found = self.health()
            return found["parts"] if found.get("status") == "ready" else None

        return until(look, seconds, lambda: f"{self.health()}\n{self.states()}\n{self.logs()[-6000:]}")

    def wait_whole(self, seconds: float = READY_S) -> dict[str, Any]:
        """The parts, once it is ready and has seen every system whole."""

        def look() -> dict[str, Any] | None:
            found = self.health()
            seen = found.get("systems", {}).values()
            whole = seen and all(system["whole_once"] for system in seen)
            return found["parts"] if whole and found["status"] == "ready" else None

        return until(look, seconds, lambda: f"{self.health()}\n{self.states()}\n{self.logs()[-6000:]}")

    def password(self) -> str:
        """Of the account admin, as `setup` told it at the first start."""
        found = re.search(r"admin / (\S+)", self.logs("setup"))
        assert found, self.logs("setup")
        return found[1]

    def login(self, password: str | None = None) -> httpx.Client:
        """A browser of the account admin. AssertionError when the password is not taken."""
        client = httpx.Client(base_url=self.url, timeout=30, follow_redirects=True)
        client.get("/login/")
        form = {"username": "admin", "password": password or self.password()}
        answer = self.post(client, "/login/", **form)
        assert answer.status_code == 200 and answer.url.path == "/", answer.text[:2000]
        return client

    def post(self, client: httpx.Client, path: str, **form: str) -> httpx.Response:
        """A form as a page of the portal sends it."""
        form["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
        return client.post(path, data=form, headers={"origin": self.url, "referer": f"{self.url}{path}"})

    def interface(self, *permissions: str) -> httpx.Client:
        """A program's client of the REST interface, with a token of admin's."""
        asked = [word for name in permissions for word in ("--perm", name)]
        token = self.manage("create_token", "admin", *asked).split()[-1]
        return httpx.Client(
            base_url=self.url, timeout=30, headers={"authorization": f"Bearer {token}"}, follow_redirects=True
        )

    def register(self, name: str, manifest: str) -> str:
        """Put a manifest where all processes of the portal find it, and register it; what that prints."""
        path = f"/var/lib/opsportal/{name}.yaml"
        write = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
        self.execute("worker", "python", "-c", write, path, user="1000:1000", given=manifest)
        return self.manage("register_system", path)


@contextmanager
def running(**options: Any) -> Iterator[Portal]:
    """A Portal that leaves nothing behind but the images. Options: Portal's."""
    portal = Portal(**options)
    try:
        yield portal
    finally:
        portal.down()
