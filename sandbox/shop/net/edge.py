"""One edge: a listener whose connections reach their target by path A (the wire) or path B (direct)."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from typing import Any

from .line import Line
from .path import Wire
from .splice import both, splice
from .traffic import Counter, Traffic

log = logging.getLogger("shop")
BACKLOG = 64


def parse_address(text: str) -> tuple[str, int]:
    """host:port."""
    host, _, port = str(text).rpartition(":")
    return host or "127.0.0.1", int(port)


def listener(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


async def reach(target: tuple[str, int]) -> socket.socket:
    """A connection to `target`; ConnectionError within 3 s when there is none to be had."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        async with asyncio.timeout(3.0):
            await asyncio.get_running_loop().sock_connect(sock, target)
    except (OSError, TimeoutError) as error:
        sock.close()
        raise ConnectionError(f"target {target[0]}:{target[1]} not reachable: {error}") from error
    return sock


class Edge:
    """`address` and `target` are (host, port). `wire`: what path A leads over. While the active path does not answer,
    nothing is accepted, so callers run into the timeouts a dead line gives, not into refusals."""

    def __init__(
        self, name: str, address: tuple[str, int], target: tuple[str, int], wire: Wire | Line
    ) -> None:
        self.name, self.address, self.target, self.wire = name, address, target, wire
        self.path = "A"
        self.admin_up = True
        self._line_up = asyncio.Event()
        self._line_up.set()
        self.ok = True
        self.rtt: float | None = None
        self.misses = 0
        self.traffic = Traffic()
        self.stats = self.traffic.stats
        self.live: dict[asyncio.Task[None], str] = {}
        self._gate = asyncio.Event()
        self._gate.set()
        self._listener: socket.socket | None = None

    async def start(self) -> None:
        self._listener = listener(self.address)

    async def accept_forever(self) -> None:
        assert self._listener is not None
        loop = asyncio.get_running_loop()
        while True:
            await self._gate.wait()
            client, _ = await loop.sock_accept(self._listener)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.stats["connections_total"] += 1
            task = asyncio.create_task(self._carry(client))
            self.live[task] = self.path
            task.add_done_callback(lambda done: self.live.pop(done, None))

    async def _carry(self, client: socket.socket) -> None:
        """Move bytes between the client and the target until one side ends."""
        socks, count = [client], Counter(self.traffic)
        try:
            await self._line_up.wait()
            if self.path == "A" and isinstance(self.wire, Wire) and self.wire.listener:
                near, far = await self.wire.open()
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                socks += [near, far]
                socks.append(await reach(self.target))
                await both(splice(client, near, count), splice(far, socks[-1], None))
            else:
                line = self.wire if self.path == "A" and isinstance(self.wire, Line) else None
                socks.append(await line.open() if line else await reach(self.target))
                await splice(client, socks[-1], count)
        except OSError as error:
            self.stats["failures_total"] += 1
            log.debug("edge %s: %s", self.name, error)
            reset_on_close(client)
        finally:
            for sock in socks:
                sock.close()

    async def heartbeat(self) -> None:
        """Measure the active path; two misses close the gate, one answer opens it."""
        self.traffic.look(self.wire.capacity if self.path == "A" else None)
        if self.path == "A" and not self.admin_up:
            self.rtt = None
        elif self.path == "A" and (isinstance(self.wire, Line) or self.wire.listener):
            self.rtt = await self.wire.rtt_ms()
        else:
            self.rtt = await self._direct_rtt_ms()
        self.misses = 0 if self.rtt is not None else self.misses + 1
        self._set_ok(self.misses < 2)

    async def _direct_rtt_ms(self) -> float | None:
        """Time of a handshake with the target; a refusal is an answer too."""
        began = time.perf_counter()
        try:
            (await reach(self.target)).close()
        except ConnectionError as error:
            if not isinstance(error.__cause__, ConnectionRefusedError):
                return None
        return (time.perf_counter() - began) * 1000

    def set_admin(self, up: bool) -> None:
        """etc/net.yaml: edges.NAME.up; path A carries nothing while it is down."""
        self.admin_up = up
        self._let_through()

    def _let_through(self) -> None:
        if self.admin_up or self.path == "B":
            self._line_up.set()
        else:
            self._line_up.clear()

    def _set_ok(self, ok: bool) -> None:
        if ok == self.ok:
            return
        self.ok = ok
        assert self._listener is not None
        self._listener.listen(BACKLOG if ok else 0)
        if ok:
            self._gate.set()
            log.info("edge %s: path %s answers again", self.name, self.path)
        else:
            self._gate.clear()
            log.error("edge %s: path %s is down, no heartbeat for 2 intervals", self.name, self.path)

    async def failover(self) -> None:
        """New connections take path B; those on a dead path A are dropped."""
        self.path = "B"
        self._let_through()
        self._drop("A")
        self.misses = 0
        self._set_ok(True)
        await self.heartbeat()
        log.warning("edge %s: failed over to path B", self.name)

    async def reset(self, wire: Wire | Line) -> None:
        """A new wire for path A, and everything back onto it."""
        old, self.wire = self.wire, wire
        await self.wire.start()
        self.path = "A"
        self._let_through()
        for path in ("A", "B"):
            self._drop(path)
        old.close()
        await self.heartbeat()
        log.warning("edge %s: path A re-created", self.name)

    def _drop(self, path: str) -> None:
        for task, used in list(self.live.items()):
            if used == path:
                task.cancel()

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name, "path": self.path, "ok": self.ok, "medium": self.wire.medium,
            "rtt_ms": round(self.rtt, 3) if self.rtt is not None else None,
            "address": f"{self.address[0]}:{self.address[1]}", "target": f"{self.target[0]}:{self.target[1]}",
            "connections": len(self.live), **self.stats,
        }  # fmt: skip


def reset_on_close(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
