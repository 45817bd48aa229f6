"""The mini production beside an `up`: as processes of its family, or as containers of a compose project."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from opsportal.local.attach import ROOT
from opsportal.local.binaries import postgres_bin, redis_server
from opsportal.local.child import spawn, stop, tail
from opsportal.local.errors import LocalError
from systems import yamlsafe

TRIES = 3  # at preparing the sandbox, and at finding ports for it that the engine gives
PORT_BASE = 18080
PROFILE = "sandbox"  # in docker-compose.yml
MEND = "install Docker with its compose plugin and start it, or use --runtime process"
NO_ENGINE = "no Docker engine answers"
COMPOSE_SINCE = (2, 24)  # env_file with `required`
MORE_NETWORKS = (
    "the engine has no addresses left for another network: free some with `docker network prune`, "
    "or give it more with default-address-pools in /etc/docker/daemon.json"
)
PORT_TAKEN = re.compile(r"port is already allocated|address already in use")
PORT_STEP = 200  # from one block of ports to the next
Add = Callable[..., None]  # (name, argv, *, stop_rank, **options of a Child)


class Sandbox(Protocol):
    """`folder` holds its manifest. All raise LocalError with what to mend."""

    folder: Path

    def begin(self) -> None:
        """Start the preparation, which goes on in the background."""

    def start(self, add: Add, say: Callable[[str], None]) -> None:
        """Wait for the preparation, then start everything."""

    def stop(self) -> None:
        """End whatever is not a child that `add` was told of."""

    def ending(self) -> tuple[list[str], dict[str, str]]:
        """A command, and its environment, that ends it when we cannot; no command where it ends with its leash."""


class ProcessSandbox:
    """Two supervisors as children: the mini production, and the world outside."""

    def __init__(self, data: Path, logs: Path) -> None:
        self.folder = data / "sandbox"
        self._log = logs / "sandbox-prepare.log"
        self._preparing: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        argv = [sys.executable, "-m", "sandbox", "prepare", "--dir", str(self.folder)]
        argv += ["--port-base", str(PORT_BASE), "--pg-bin", str(postgres_bin())]
        argv += ["--redis-server", str(redis_server())]
        self._log.unlink(missing_ok=True)
        self._preparing = spawn(argv, log=self._log, cwd=ROOT)

    def start(self, add: Add, say: Callable[[str], None]) -> None:
        """Prepared again when it fails: after a run that was killed, its database may just be going away."""
        for attempt in range(1, TRIES + 1):
            assert self._preparing is not None
            if not self._preparing.wait():
                break
            why = f"{tail(self._log)} (log: {self._log})"
            if attempt == TRIES:
                raise LocalError(f"the sandbox could not be prepared: {why}")
            say(f"the sandbox could not be prepared, trying again: {why}")
            self.begin()
        say("the sandbox is prepared")
        for name, folder in (("sandbox", self.folder), ("sandbox-world", self.folder / "world")):
            processes = str(folder / "processes.yaml")
            argv = [sys.executable, "-m", "systems.supervisor", processes]
            add(name, argv, stop_rank=3, grace_s=10, leashed=True, vital=False)
        say("the sandbox is starting")

    def stop(self) -> None:
        if self._preparing:
            stop(self._preparing, signal.SIGTERM, 3)

    def ending(self) -> tuple[list[str], dict[str, str]]:
        return [], {}


class ContainerSandbox:
    """The services of docker-compose.yml that are its own, as a project of this data folder."""

    def __init__(self, data: Path, logs: Path) -> None:
        self.folder = data / "sandbox-docker"
        self.project = "opsportal-" + hashlib.sha256(str(data).encode()).hexdigest()[:8]
        self._log = logs / "sandbox-compose.log"
        self._building: subprocess.Popen[bytes] | None = None
        self._started = self._rootless = False

    def begin(self) -> None:
        self._check_engine()
        fresh = not (self.folder / "site.json").exists()
        self._log.unlink(missing_ok=True)
        self._started = True
        self._down(volumes=fresh)  # what a killed `up` left, and data whose password is gone
        self._prepare(PORT_BASE)
        self._building = spawn(self._compose("build"), log=self._log, env=self._env(), cwd=ROOT)

    def start(self, add: Add, say: Callable[[str], None]) -> None:
        assert self._building is not None
        if self._building.wait():
            raise LocalError(
                f"the sandbox's images could not be built: {tail(self._log, 3)} (log: {self._log})"
            )
        say("the sandbox's images are built")
        for attempt in range(1, TRIES + 1):
            done = self._run("up", "--detach", *self._services())
            if attempt == TRIES or not (done.returncode and PORT_TAKEN.search(done.stderr)):
                break
            # One looked free here and is not for the engine, which keeps a list of its own.
            last = done.stderr.strip().splitlines()[-1]
            say(f"the engine does not give the sandbox a port, trying others: {last}")
            self._down(volumes=False)
            self._prepare(self._front_port() + PORT_STEP)
        self._check(done, "started")
        say("the sandbox's containers are starting")

    def _prepare(self, port_base: int) -> None:
        """Its files. The ports it had are kept, unless they are below `port_base` or taken."""
        argv = [sys.executable, "-m", "sandbox", "prepare", "--dir", str(self.folder)]
        argv += ["--containers", self.project, "--port-base", str(port_base)]
        self._check(subprocess.run(argv, cwd=ROOT, capture_output=True, text=True), "prepared")

    def stop(self, *, volumes: bool = False) -> None:
        """`volumes`: with its data, for good."""
        if self._building:
            stop(self._building, signal.SIGTERM, 3)
        if self._started or volumes:
            self._down(volumes=volumes)

    def ending(self) -> tuple[list[str], dict[str, str]]:
        return self._compose("down", "--timeout", "2"), self._env()

    def _check_engine(self) -> None:
        if shutil.which("docker") is None:
            raise LocalError(f"there is no docker command here: {MEND}")
        self._rootless = "rootless" in _docker("info", "--format", "{{.SecurityOptions}}", fails=NO_ENGINE)
        told = _docker("compose", "version", "--short", fails="docker has no compose plugin")
        found = re.match(r"v?(\d+)\.(\d+)", told)
        if found and (int(found[1]), int(found[2])) < COMPOSE_SINCE:
            since = ".".join(map(str, COMPOSE_SINCE))
            raise LocalError(f"docker's compose plugin is {told}, {since} is needed: renew it")

    def _down(self, *, volumes: bool) -> None:
        self._run("down", "--timeout", "2", *(["--volumes"] if volumes else []))

    def _services(self) -> list[str]:
        told: dict[str, Any] = yamlsafe.load((ROOT / "docker-compose.yml").read_text(), aliases=True)[
            "services"
        ]
        site = json.loads((self.folder / "site.json").read_text())
        return [name for name in told if name.startswith((site["prefix"], site["world_prefix"]))]

    def _compose(self, *words: str) -> list[str]:
        files = ["--file", str(ROOT / "docker-compose.yml")]
        published = self.folder / "published.yaml"
        if published.exists():
            files += ["--file", str(published)]
        argv = ["docker", "compose", "--project-name", self.project, *files, "--profile", PROFILE, *words]
        return argv + (self._services() if words == ("build",) else [])

    def _env(self) -> dict[str, str]:
        """Files written here are read in there by the same user: for an engine without root that is its root."""
        return {
            **os.environ,
            "SHOP_SITE": str(self.folder),
            "SHOP_USER": "0:0" if self._rootless else f"{os.getuid()}:{os.getgid()}",
            "SHOP_PORT": str(self._front_port()),
        }

    def _front_port(self) -> int:
        try:
            told = yamlsafe.load((self.folder / "manifest.yaml").read_text())["front_door"]
            return urlsplit(told).port or PORT_BASE
        except FileNotFoundError:
            return PORT_BASE

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._compose(*words), cwd=ROOT, env=self._env(), capture_output=True, text=True
        )
        with self._log.open("a") as log:
            log.write(done.stdout + done.stderr)
        return done

    def _check(self, done: subprocess.CompletedProcess[str], what: str) -> None:
        if done.returncode:
            said = done.stderr or done.stdout
            last = " | ".join(said.strip().splitlines()[-3:])
            mend = f"; {MORE_NETWORKS}" if "address pool" in said else ""
            raise LocalError(f"the sandbox could not be {what}: {last}{mend} (log: {self._log})")


def _docker(*words: str, fails: str) -> str:
    """What `docker WORDS` says. LocalError with `fails` and its last words."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise LocalError(f"{fails} ({last}): {MEND}")
    return done.stdout.strip()


KINDS: dict[str, type[ProcessSandbox] | type[ContainerSandbox]] = {
    "process": ProcessSandbox,
    "docker": ContainerSandbox,
}

FOLDERS = ("sandbox", "sandbox-docker")


def folder_of(data: Path) -> Path:
    """The folder of the sandbox that was started last in this data folder."""
    found = [data / name for name in FOLDERS if (data / name / "site.json").exists()]
    return max(found, key=lambda f: (f / "site.json").stat().st_mtime, default=data / "sandbox")
