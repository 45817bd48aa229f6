"""Path A of an edge between containers: a network of its own, with this service at one end and `shop.net.far` at the
other. Who is taken off that network loses just this edge."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time

log = logging.getLogger("shop")
CONNECT_S, RETRY_S = 1.0, 0.25
ECHO_PORT = 7000  # of every far end
PING = b"ping"


class Line:
    """`host`, `port`: the far end; its echo answers at `echo_port`. The address is looked up again and again, and
    kept while the name is not known."""

    medium = "network"
    capacity: float | None = None

    def __init__(self, edge: str, host: str, port: int, echo_port: int = ECHO_PORT) -> None:
        self.edge, self.host, self.port, self.echo_port = edge, host, port, echo_port
        self._known: str | None = None
        self._lookup: asyncio.Task[None] | None = None
        self._probe: socket.socket | None = None

    async def start(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._look_up(), CONNECT_S)

    async def _look_up(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            found = await loop.getaddrinfo(
                self.host, self.port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
            self._known = str(found[0][4][0])

    def _refresh(self) -> None:
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.create_task(self._look_up(), name=f"lookup-{self.edge}")

    async def _connect(self, port: int) -> socket.socket:
        self._refresh()
        if self._known is None:
            raise OSError(f"{self.host} has no address yet")
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(sock, (self._known, port))
        except BaseException:
            sock.close()
            raise
        return sock

    async def open(self) -> socket.socket:
        """A connection to the far end. Waits as long as the line is cut: the caller's client decides when to give
        up."""
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                return await self._connect(self.port)
            await asyncio.sleep(RETRY_S)

    async def rtt_ms(self, patience_s: float = 0.8) -> float | None:
        """Time of one small round trip over the line, None when it does not come back."""
        loop = asyncio.get_running_loop()
        self._refresh()
        try:
            async with asyncio.timeout(patience_s):
                if self._probe is None:
                    self._probe = await self._connect(self.echo_port)
                began = time.perf_counter()
                await loop.sock_sendall(self._probe, PING)
                if await loop.sock_recv(self._probe, len(PING)) != PING:
                    raise OSError("the far end hung up")
        except (OSError, TimeoutError):
            self._close_probe()
            return None
        return (time.perf_counter() - began) * 1000

    def _close_probe(self) -> None:
        if self._probe:
            self._probe.close()
        self._probe = None

    def close(self) -> None:
        self._close_probe()
        if self._lookup:
            self._lookup.cancel()
