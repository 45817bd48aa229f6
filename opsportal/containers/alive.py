"""Health checks of containers, cheap to start: `python -S -m opsportal.containers.alive CHECK`. Exit code 0 is well.

CHECK is an address that must answer 200, a TCP port of this container that must accept, or a file that must have been
touched in the last FRESH_S seconds.
"""

from __future__ import annotations

import http.client
import socket
import sys
import time
from pathlib import Path

FRESH_S = 20.0
TIMEOUT_S = 5.0


def trouble(check: str) -> str:
    """What is wrong; empty when all is well."""
    try:
        if check.startswith("http://"):
            return _answers(check.removeprefix("http://"))
        if check.isdigit():
            socket.create_connection(("127.0.0.1", int(check)), TIMEOUT_S).close()
            return ""
        age = time.time() - Path(check).stat().st_mtime
    except (OSError, http.client.HTTPException) as error:
        return f"{check}: {error}"
    return f"{check}: silent for {age:.0f} s" if age > FRESH_S else ""


def _answers(address: str) -> str:
    host, _, path = address.partition("/")
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        text = answer.read(2000).decode(errors="replace")
    finally:
        connection.close()
    return "" if answer.status == 200 else f"{answer.status} {text}"


if __name__ == "__main__":
    if why := trouble(sys.argv[1]):
        sys.exit(why)
