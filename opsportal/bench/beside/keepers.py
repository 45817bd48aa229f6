"""Who keeps the tiny service running: our supervisor, and others where they are there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from opsportal.local.attach import ROOT
from opsportal.local.child import Argv, spawn, stop

SERVICE = Path(__file__).with_name("service.py")
STOP_S = 8.0
FETCH_S = 120.0
SUPERVISOR = (
    "supervisor==4.3.0 --hash=sha256:0bcb763fddafba410f35cbde226aa7f8514b9fb82eb05a0c85f6588d1c13f8db\n"
)
PIP = ("pip", "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:")
IMAGE = "python:3.11-slim"
NAME = "tiny"


class Absent(RuntimeError):
    """It is not there, or cannot be used here; the message says why."""


class Keeper(ABC):
    """`sees_hung`: whether it looks at more than exits."""

    name: ClassVar[str]
    sees_hung: ClassVar[bool] = False

    @abstractmethod
    def keeping(self, folder: Path, port: int) -> contextlib.AbstractContextManager[None]:
        """Starts it and the service at `port`, and stops both at the end. Absent when it cannot."""

    def pid(self, told: int) -> int:
        """The process to signal, where the service says of itself that it is `told`."""
        return told


class Ours(Keeper):
    name = "our supervisor"

    @contextlib.contextmanager
    def keeping(self, folder: Path, port: int) -> Iterator[None]:
        argv: Argv = [
            sys.executable,
            "-m",
            "systems.supervisor",
            processes(folder, port),
            "--die-with-parent",
        ]
        with _running(argv, folder, env={**os.environ, "PYTHONPATH": str(ROOT)}):
            yield


class Supervisord(Keeper):
    """Out of the package index, into a folder of its own: it is no part of the portal."""

    name = "supervisord"

    @contextlib.contextmanager
    def keeping(self, folder: Path, port: int) -> Iterator[None]:
        packages, conf = fetched(cache()), folder / "supervisord.conf"
        conf.write_text(
            f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\n"
            f"[program:{NAME}]\ncommand={' '.join(command(port))}\nautorestart=true\nstartsecs=1\n"
        )
        argv: Argv = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", conf]
        with _running(argv, folder, env={**os.environ, "PYTHONPATH": str(packages)}):
            yield


class Monit(Keeper):
    """As fast as it can be set: a look each second."""

    name = "monit"
    sees_hung = True

    @contextlib.contextmanager
    def keeping(self, folder: Path, port: int) -> Iterator[None]:
        program = shutil.which("monit")
        if program is None:
            raise Absent("not installed here")
        pid_file, conf = folder / "tiny.pid", folder / "monitrc"
        start = f"{' '.join(command(port))} {pid_file} >/dev/null 2>&1 &"
        conf.write_text(
            f"set daemon 1\nset pidfile {folder}/monit.pid\nset idfile {folder}/monit.id\n"
            f"set statefile {folder}/monit.state\nset log {folder}/monit.log\n"
            f"check process {NAME} with pidfile {pid_file}\n"
            f"  start program = \"/bin/sh -c '{start}'\"\n"
            f"  stop program = \"/bin/sh -c 'kill -9 $(cat {pid_file})'\"\n"
            f"  if failed host 127.0.0.1 port {port} protocol http with timeout 1 seconds then restart\n"
        )
        conf.chmod(0o600)
        try:
            with _running([program, "-I", "-c", conf], folder, env=dict(os.environ)):
                yield
        finally:  # it leaves what it started
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(pid_file.read_text()), signal.SIGKILL)


class Docker(Keeper):
    """`image`: one with a python3 that is there already."""

    name = "docker restart=always"

    def __init__(self, image: str = IMAGE) -> None:
        self.image = image
        self.container = f"opsportal-bench-{uuid4().hex[:8]}"

    @contextlib.contextmanager
    def keeping(self, folder: Path, port: int) -> Iterator[None]:
        if shutil.which("docker") is None:
            raise Absent("not installed here")
        self._docker("info", absent="no engine answers")
        self._docker(
            "image", "inspect", self.image, absent=f"the image {self.image} is not there, and none is fetched"
        )
        where = ["--name", self.container, "--restart=always", "-p", f"127.0.0.1:{port}:{port}", self.image]
        try:
            self._docker("run", "-d", *where, "python3", "-c", SERVICE.read_text(), "0.0.0.0", str(port))  # noqa: S104 - inside
            yield
        finally:
            with contextlib.suppress(Absent):
                self._docker("rm", "-f", self.container)

    def pid(self, told: int) -> int:
        """The engine's own word: in its container the service knows itself by another number."""
        found = int(self._docker("inspect", "-f", "{{.State.Pid}}", self.container))
        if not Path(f"/proc/{found}").exists():
            raise Absent("its engine is on another machine")
        return found

    def _docker(self, *words: str, absent: str = "") -> str:
        try:
            done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Absent(absent or str(error)) from None
        if done.returncode:
            raise Absent(absent or done.stderr.strip()[-200:])
        return done.stdout.strip()


def command(port: int) -> list[str]:
    """The tiny service, the same for each of them."""
    return [sys.executable, "-I", "-S", str(SERVICE), "127.0.0.1", str(port)]


def processes(folder: Path, port: int) -> Path:
    """The file of our supervisor with the tiny service in it."""
    file = folder / "processes.yaml"
    ready = {"tcp": port}
    file.write_text(
        json.dumps({"services": {NAME: {"command": command(port), "ready": ready}}})
    )  # JSON is YAML
    return file


def cache() -> Path:
    """Where packages for comparison are kept from one run to the next."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "opsportal" / "bench"


def fetched(folder: Path) -> Path:
    """The folder with supervisord in it, fetched when it is not there. Absent when it cannot be."""
    target = folder / SUPERVISOR.split()[0].replace("==", "-")
    if (target / "supervisor").is_dir():
        return target
    making = folder / f"{target.name}.{os.getpid()}"
    try:
        making.mkdir(parents=True)
        wanted = making / "wanted.txt"
        wanted.write_text(SUPERVISOR)
        words: list[str | Path] = [*PIP, "--target", making, "-r", wanted]
        argv: Argv = [sys.executable, "-m", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=FETCH_S)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.lower().startswith("error")]
            raise Absent(f"cannot be fetched from the package index: {(said or ['pip failed'])[-1][:200]}")
        making.rename(target)
    except (OSError, subprocess.TimeoutExpired) as error:
        if not (target / "supervisor").is_dir():  # somebody else was faster
            raise Absent(f"cannot be fetched: {error}") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return target


@contextlib.contextmanager
def _running(argv: Argv, folder: Path, env: dict[str, str]) -> Iterator[None]:
    process = spawn(argv, log=folder / "keeper.log", env=env, cwd=folder)
    try:
        yield
    finally:
        stop(process, signal.SIGTERM, STOP_S)


def others() -> list[Keeper]:
    """Who is compared with, in the order of the table."""
    return [Supervisord(), Monit(), Docker(os.environ.get("OPSPORTAL_BENCH_IMAGE") or IMAGE)]
