"""The last line of defence: a tiny process that outlives a killed supervisor just long enough to tidy up.

Run as a plain file (`python -ISP keeper.py IDENTITY CGROUP_BASE`). Descriptor 0 is a pipe from the
supervisor, which writes `session PID` when a service starts and `over PID` when it has ended. At end of file
(however the supervisor died) all processes of those sessions, or with the services' environment marker, are
killed; empty cgroups go too.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

MARKER = "SUPERVISOR_ID="


def _belongs(folder: Path, sessions: set[int], marker: bytes) -> bool:
    try:
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        if fields[0] in (b"Z", b"X"):
            return False
        return int(fields[3]) in sessions or marker in (folder / "environ").read_bytes().split(b"\0")
    except (OSError, IndexError, ValueError):
        return False


def _sweep(sessions: set[int], marker: bytes) -> None:
    for _ in range(50):  # a fork may slip through one pass
        found = [
            int(p.name)
            for p in Path("/proc").iterdir()
            if p.name.isdigit() and int(p.name) != os.getpid() and _belongs(p, sessions, marker)
        ]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _remove_groups(base: Path) -> None:
    for _ in range(50):
        for folder in (*(p for p in base.glob("*") if p.is_dir()), base):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if not base.exists():
            return
        time.sleep(0.02)


def main() -> None:
    identity, base = sys.argv[1], sys.argv[2]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    with os.fdopen(0, "r") as pipe:
        for line in pipe:
            word, _, pid = line.strip().partition(" ")
            if word == "session":
                sessions.add(int(pid))
            else:
                sessions.discard(int(pid))
    _sweep(sessions, f"{MARKER}{identity}".encode())
    if base:
        _remove_groups(Path(base))


if __name__ == "__main__":
    main()
