"""The notice board, brought up by `docker compose` from a folder that shares nothing with the portal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from django.core.management import call_command

from systems import services
from systems.probes import journeys
from tests.care import Pids, until
from tests.systems.runtimes import docker_bench
from tests.systems.supervisor.harness import free_port

PATIENCE_S = 240  # an answer of the docker command, which may build
SITE = Path(__file__).parent / "board"
LOCAL, STOCK = "opsportal-ci/python:3.11", "python:3.12-slim"


def docker(*words: str, **environment: str) -> str:
    """What `docker ...` prints; AssertionError with its complaint when it fails."""
    env = os.environ | environment
    done = subprocess.run(["docker", *words], capture_output=True, text=True, env=env, timeout=PATIENCE_S)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr[-2000:]}"
    return done.stdout


def base_image() -> str:
    """PYTHON_IMAGE, else the stand-in where it was made, else the stock image."""
    if named := os.environ.get("PYTHON_IMAGE"):
        return named
    with suppress(AssertionError):
        docker("image", "inspect", LOCAL)
        return LOCAL
    return STOCK


@cache
def why_not() -> str:
    """Why no compose project can be brought up here; empty when one can."""
    if why := docker_bench.why_not():
        return why
    if not shutil.which("docker"):
        return "there is no docker command"
    for words, what in (
        (("compose", "version"), "docker has no compose plugin"),
        (("image", "inspect", base_image()), ""),
        (("pull", "-q", base_image()), f"the base image {base_image()} cannot be had"),
    ):
        try:
            docker(*words)
        except AssertionError as error:
            if what:
                return f"{what}: {error}"
            continue
        if not what:
            break
    return ""


class Board:
    """The running project."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.project = f"board-{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        shutil.copytree(SITE, base, dirs_exist_ok=True)
        self.manifest = base / "board.yaml"
        self.url = f"http://127.0.0.1:{self.port}"
        self.compose("up", "--build", "--detach", "--wait", "--wait-timeout", "120")

    def compose(self, *words: str) -> str:
        file = str(self.base / "compose.yaml")
        settings = {
            "PAGE_PORT": str(self.port),
            "PYTHON_IMAGE": base_image(),
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        }
        return docker("compose", "-f", file, "-p", self.project, *words, **settings)

    def adopt(self) -> None:
        """As the README says, with the one correction that only its people can make: what its readers come for."""
        call_command("adopt", self.project, out=str(self.manifest), verbosity=0)
        draft = self.manifest.read_text()
        step = f"- {{get: '{self.url}/healthz'}}"
        assert draft.count(step) == 1, draft
        self.manifest.write_text(
            draft.replace(step, f"- {{get: '{self.url}/', expect: 200, contains: grey cat}}")
        )

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("inspect", self.name(service)))[0]
        return found

    def name(self, service: str) -> str:
        return f"{self.project}-{service}-1"

    def pids(self) -> Pids:
        return {name: self.inspect(name)["State"]["Pid"] or None for name in ("page", "pins")}

    def wrong(self) -> list[str]:
        return journeys.failures(services.from_manifest(self.manifest))

    def get(self, path: str) -> int:
        """The status; 0 when there is no answer."""
        try:
            return httpx.get(self.url + path, timeout=3, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def leak_until_killed(self) -> None:
        """Searches, each of which the page remembers, until the kernel ends it for want of memory."""
        began, words = self.inspect("page")["State"]["StartedAt"], iter(range(10_000))

        def ended() -> dict[str, Any] | None:
            self.get(f"/find?{next(words)}")
            state: dict[str, Any] = self.inspect("page")["State"]
            return state if not state["Running"] or state["StartedAt"] != began else None

        until(ended, 60, lambda: self.inspect("page")["State"])
        runtime = services.from_manifest(self.manifest).runtime
        until(lambda: runtime.state("page").oom_kills > 0, 10, lambda: self.inspect("page")["State"])

    @contextmanager
    def searches(self) -> Iterator[None]:
        """Somebody searches twice a second, each time for something else."""
        over = threading.Event()

        def search() -> None:
            for word in range(10_000):
                self.get(f"/find?word{word}")
                if over.wait(0.5):
                    return

        thread = threading.Thread(target=search, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(20)

    def close(self) -> None:
        with suppress(AssertionError):
            self.compose("down", "--volumes", "--rmi", "local", "--timeout", "1")
            docker("image", "rm", f"{self.project}:1.0")
