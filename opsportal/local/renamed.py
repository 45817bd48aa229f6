"""A second mini production beside the one of `up`: under other names and ports, for the length of a game day.

It ends with the process that started it, by a leash as `up` has one. What a killed one left is removed by whoever comes
next: the next such game day, or the next `up`.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opsportal.local.attach import ROOT
from opsportal.local.binaries import postgres_bin, redis_server
from opsportal.local.child import spawn, stop
from opsportal.local.errors import LocalError

FOLDER = "sandbox-renamed"
PORT_BASE = 21_000
PREPARING_S = 240.0
GRACE_S = 15.0


@contextmanager
def running(data: Path, logs: Path, seed: int) -> Iterator[Path]:
    """The folder of its manifest; inside, its supervisors run. LocalError with what to mend."""
    with _alone(data), _prepared(data, seed) as folder, _supervised(folder, logs / f"{FOLDER}.log"):
        yield folder


def in_use(data: Path) -> bool:
    """Whether a game day that lives has one."""
    try:
        with _alone(data):
            return False
    except LocalError:
        return True


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Held for as long as the process lives, however it ends."""
    with (data / f"{FOLDER}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError("another game day in renamed mode runs here: wait for its end") from None
        yield


@contextmanager
def _prepared(data: Path, seed: int) -> Iterator[Path]:
    folder = data / FOLDER
    remove(data)
    _sandbox(
        "prepare", folder, "--port-base", str(PORT_BASE), "--names", str(seed),
        "--pg-bin", str(postgres_bin()), "--redis-server", str(redis_server()),
    )  # fmt: skip
    try:
        yield folder
    finally:
        remove(data)


@contextmanager
def _supervised(folder: Path, log: Path) -> Iterator[None]:
    reader, writer = os.pipe()
    supervisors = []
    try:
        for place in (folder, folder / "world"):
            processes = str(place / "processes.yaml")
            argv = [sys.executable, "-m", "systems.supervisor", processes, "--leash", str(reader)]
            supervisors.append(spawn(argv, log=log, cwd=ROOT, keep_fds=(reader,), death_signal=None))
        yield
    finally:
        os.close(writer)
        os.close(reader)
        for supervisor in supervisors:
            stop(supervisor, signal.SIGTERM, GRACE_S)


def remove(data: Path) -> None:
    """What there is of one; it does not run. LocalError when it does."""
    if (data / FOLDER).exists():
        _sandbox("remove", data / FOLDER)


def _sandbox(command: str, folder: Path, *more: str) -> None:
    argv = [sys.executable, "-m", "sandbox", command, "--dir", str(folder), *more]
    try:
        done = subprocess.run(
            argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PREPARING_S
        )
    except subprocess.TimeoutExpired:
        raise LocalError(f"the renamed sandbox: {command} took more than {PREPARING_S:.0f} s") from None
    if done.returncode:
        raise LocalError(f"the renamed sandbox: {done.stderr.strip() or done.stdout.strip()}")
