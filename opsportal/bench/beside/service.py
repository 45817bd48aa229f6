"""The tiny service: answers each connection with its own process id. `python service.py HOST PORT [PIDFILE]`

A script by itself, run by whoever keeps it: standard library only, and nothing of the portal.
"""

import os
import socket
import sys


def main(host: str, port: str, pid_file: str = "") -> None:
    if pid_file:
        with open(pid_file, "w") as file:  # noqa: PTH123 - starts faster without pathlib
            file.write(str(os.getpid()))
    body = str(os.getpid()).encode()
    answer = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        listening.listen(64)
        while True:
            client, _ = listening.accept()
            with client:
                try:
                    client.settimeout(1.0)
                    client.recv(4096)
                    client.sendall(answer)
                except OSError:  # whoever asked has gone
                    pass


if __name__ == "__main__":
    main(*sys.argv[1:])
