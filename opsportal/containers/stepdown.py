"""From root to the portal's user, who keeps the one group that opens the engine's socket.

`python -m opsportal.containers.stepdown COMMAND ...` is how a container with the socket starts: whatever group the
socket has on this machine, nobody needs to tell its number. Nothing is left of root: no capability, no other group.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

SOCKET = Path("/var/run/docker.sock")
TO = "OPSPORTAL_STEP_DOWN"  # the number of the user and of its group; without it nothing happens


def step_down(socket: Path = SOCKET) -> None:
    """Become the user of OPSPORTAL_STEP_DOWN. Does nothing where that is not set or we are not root."""
    wanted = os.environ.get(TO)
    if not wanted or os.geteuid() != 0:
        return
    os.setgroups(groups_of(socket))
    os.setgid(int(wanted))
    os.setuid(int(wanted))


def groups_of(socket: Path) -> list[int]:
    """The group that may use the socket; none where there is no socket."""
    try:
        found = socket.stat()
    except OSError:
        return []
    return [found.st_gid] if stat.S_ISSOCK(found.st_mode) else []


def trouble(socket: Path = SOCKET) -> str:
    """Why the engine cannot be reached by the present user; empty when it can."""
    if not groups_of(socket):
        return f"there is no socket of a Docker engine at {socket}"
    if not os.access(socket, os.R_OK | os.W_OK):
        return f"{socket} (mode {stat.filemode(socket.stat().st_mode)}) is not open to its group"
    return ""


def main(argv: list[str]) -> None:
    step_down()
    if why := trouble():
        print(f"containers can be neither seen nor driven from here: {why}", file=sys.stderr, flush=True)
    os.execvp(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
