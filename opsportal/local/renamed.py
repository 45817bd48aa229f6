"""A second mini production beside the one of `up`: under other names and ports, for the length of a game day.

It ends with the process that started it, by a leash as `up` has one. What a killed one left is removed by whoever comes
next: the next such game day, or the next `up`.
"""

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
    folder = data / FOLDER
    remove(data)
    _sandbox(
        "prepare", folder, "--port-base", str(PORT_BASE), "--names", str(seed),
        "--pg-bin", str(postgres_bin()), "--redis-server", str(redis_server()),
    )  # fmt: skip
    reader, writer = os.pipe()
    log = logs / "sandbox-renamed.log"
    supervisors = []
    try:
        for place in (folder, folder / "world"):
            processes = str(place / "processes.yaml")
            argv = [sys.executable, "-m", "systems.supervisor", processes, "--leash", str(reader)]
            supervisors.append(spawn(argv, log=log, cwd=ROOT, keep_fds=(reader,), death_signal=None))
        yield folder
    finally:
        os.close(writer)
        os.close(reader)
        for supervisor in supervisors:
            stop(supervisor, signal.SIGTERM, GRACE_S)
        remove(data)


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
