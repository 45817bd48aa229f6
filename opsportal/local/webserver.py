"""The web server's processes: they share one listening socket, so that while one ends or hangs the others answer."""

from __future__ import annotations

import os
import socket
import sys

from opsportal.local.errors import LocalError

BACKLOG = 2048
MOST = 4


def count(cores: int | None = None) -> int:
    """How many processes: half the cores, since the watcher, the worker and the stores want theirs, too."""
    return max(1, min(MOST, (cores or os.cpu_count() or 1) // 2))


def listen(host: str, port: int) -> socket.socket:
    """The socket for all of them. While one is started anew, who connects waits instead of being refused."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # What is accepted takes it over. uvicorn does not know an inherited socket for TCP, and would not set it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise LocalError(
            f"port {port} is taken: stop what uses it, or choose another with --port N"
        ) from error
    listener.listen(BACKLOG)
    return listener


def argv(listener: socket.socket) -> list[str]:
    """Of one process, which must inherit the socket. What is sent to many is packed once, before the socket."""
    command = [sys.executable, "-m", "uvicorn", "opsportal.asgi:application", "--fd", str(listener.fileno())]
    command += ["--ws-per-message-deflate", "false", "--log-level", "warning", "--lifespan", "off"]
    return [*command, "--timeout-graceful-shutdown", "2"]


def names(processes: int) -> list[str]:
    return ["web", *(f"web-{n}" for n in range(2, processes + 1))]
