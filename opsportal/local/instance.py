"""Commands that need a running portal start one for their length when none runs (demo, gameday, bench)."""

import argparse
import signal
import subprocess
import sys
import threading
from pathlib import Path

from opsportal.local import attach
from opsportal.local.attach import ROOT
from opsportal.local.child import spawn, stop
from opsportal.local.ports import free_port
from systems.stopping import stop_on

NEED_A_PORTAL = frozenset({"demo", "gameday", "bench"})
ALONE = frozenset(
    {"diagnose", "sizes", "logs", "page", "watch", "recovery"}
)  # parts of `bench` that look at no portal
LOOK_S = 0.2
STOP_S = 60.0  # its keeper takes back what is open first


def needs_portal(argv: list[str]) -> bool:
    """Whether the command of `argv` plays with a running system; those parts of `bench` that look at none do not."""
    return (
        argv[1:2] != []
        and argv[1] in NEED_A_PORTAL
        and "--help" not in argv
        and not (argv[1] == "bench" and ALONE & {*argv[2:3]})
    )


def run_with_own(argv: list[str], data_dir: Path) -> int:
    """Start `up` on data_dir, run the command against it, stop `up`. Returns the command's exit code."""
    where = ["--data", str(data_dir), "--port", str(free_port())]
    up = spawn([sys.executable, ROOT / "manage.py", "up", *where, *runtime_option(argv)], cwd=ROOT)
    stopped = threading.Event()
    stop_on((signal.SIGTERM,), stopped)
    try:
        if not _ready(up, data_dir, stopped):
            return up.poll() or 1
        command = subprocess.Popen([sys.executable, *argv, "--data", str(data_dir)], cwd=ROOT)
        while command.poll() is None:
            if stopped.is_set():
                command.terminate()
            try:
                command.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:
                stopped.set()
        return command.returncode
    except KeyboardInterrupt:
        return 130
    finally:
        stop(up, signal.SIGTERM, STOP_S)


def runtime_option(argv: list[str]) -> list[str]:
    """The command's --runtime, as an option of `up`."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runtime")
    found: str | None = parser.parse_known_args(argv)[0].runtime
    return ["--runtime", found] if found else []


def _ready(up: "subprocess.Popen[bytes]", data_dir: Path, stopped: threading.Event) -> bool:
    """Wait until the copy that was started says so. False when it ended; it ends by itself when it cannot start."""
    while up.poll() is None and not stopped.wait(LOOK_S):
        state = attach.read(data_dir)
        if state and state["ready"]:
            return True
    return False
