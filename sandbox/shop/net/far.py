"""`python -m shop.net.far`: the far ends of all lines (etc/net-far.yaml); /healthz, /metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator

from ..kit import logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import PATH, Figure, Metrics
from ..kit.run import keep, run
from .edge import listener, parse_address, reach, reset_on_close
from .line import ECHO_PORT
from .splice import splice


class Far:
    """Echoes what arrives at `echo` (host:port), and carries what arrives at an edge's port on to its target."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.tasks: set[asyncio.Task[None]] = set()
        self.metrics = Metrics(self.figures)
        self.stats = {"connections_total": 0, "failures_total": 0}

    async def start(self) -> None:
        self._listen(parse_address(self.config.get("echo", f"0.0.0.0:{ECHO_PORT}")), None)
        for spec in self.config.get("edges", {}).values():
            self._listen(parse_address(spec["address"]), parse_address(spec["target"]))
        await serve(self.handle, int(os.environ["PORT"]))
        logging.getLogger("shop").info("the far side is up")

    def _listen(self, address: tuple[str, int], target: tuple[str, int] | None) -> None:
        sock = listener(address)
        keep(self.tasks, self._accept(sock, target), f"port-{address[1]}")

    async def _accept(self, sock: socket.socket, target: tuple[str, int] | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(sock)
            near.setblocking(False)
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hang_up_when_cut(near)
            keep(self.tasks, self._carry(near, target) if target else self._echo(near), "line")

    async def _echo(self, near: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with near, contextlib.suppress(OSError):
            while data := await loop.sock_recv(near, 64):
                await loop.sock_sendall(near, data)

    async def _carry(self, near: socket.socket, target: tuple[str, int]) -> None:
        self.stats["connections_total"] += 1
        with near:
            try:
                with await reach(target) as onward:
                    await splice(near, onward, None)
            except OSError as error:
                self.stats["failures_total"] += 1
                logging.getLogger("shop").debug("far end of %s:%d: %s", *target, error)
                reset_on_close(near)

    async def handle(self, request: Request) -> Response:
        if request.path == "/healthz":
            return json_response({"status": "ok"})
        if request.path == PATH:
            return self.metrics.response()
        return json_response({"error": "not found"}, 404)

    def figures(self) -> Iterator[Figure]:
        """What is carried on, and what could not be."""
        yield "line_connections", {}, len(self.tasks)
        yield "line_accepted_total", {}, self.stats["connections_total"]
        yield "line_failures_total", {}, self.stats["failures_total"]


def hang_up_when_cut(sock: socket.socket) -> None:
    """Nobody can say good-bye over a cut line: without this its connections would stay open for hours."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def main() -> None:
    logs.setup("net-far")
    config = load_or_exit()
    run(Far(config).start, config)


if __name__ == "__main__":
    main()
