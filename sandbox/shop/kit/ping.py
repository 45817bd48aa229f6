"""`python -S -m shop.kit.ping PORT PATH`: exit code 0 when this container answers 200; for its health check."""

from __future__ import annotations

import socket
import sys


def main(port: str, path: str) -> int:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=2) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: self\r\nConnection: close\r\n\r\n".encode())
        return 0 if b" 200 " in sock.recv(64) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
