"""The two ways across an edge. `Wire`: path A through a network namespace. `Direct`: path B, a plain connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from .wire import PORT

log = logging.getLogger("shop")
RETRY_S = 0.25


class Wire:
    """Path A of one edge. `open()` gives the two ends of a TCP connection inside the wire's namespace. `mbit`: what it
    shall carry at most (0: no matter); `capacity`: bytes a second that it does, None where that is not limited."""

    def __init__(self, edge: str, run_dir: Path, mbit: int = 0) -> None:
        self.edge, self.mbit = edge, mbit
        self.capacity: float | None = None
        self.pidfile = run_dir / f"wire-{edge}.pid"
        self.process: subprocess.Popen[bytes] | None = None
        self.channel: socket.socket | None = None
        self.listener: socket.socket | None = None
        self.error = ""
        self._far: dict[tuple[str, int], asyncio.Future[socket.socket]] = {}
        self._acceptor: asyncio.Task[None] | None = None
        self._hand = asyncio.Lock()
        self._probe: tuple[socket.socket, socket.socket] | None = None

    @property
    def medium(self) -> str:
        return "netns" if self.listener else "userland"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None

    async def start(self) -> None:
        """Spawn the namespace's owner; leaves `medium` at "userland" when namespaces are not to be had."""
        if sys.platform != "linux":
            self.error = "no network namespaces on this platform"
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        package = __package__ or "net"
        argv = [sys.executable, "-S", "-E", "-m", f"{package}.wire", str(theirs.fileno()), str(self.mbit)]
        self.process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])  # noqa: ASYNC220 - returns at once
        theirs.close()
        try:
            message, sock = await asyncio.to_thread(_receive, ours, 10.0)
        except OSError as error:
            message, sock = f"error: {error}", None
        if sock is None:
            self.error = message or "wire did not start"
            ours.close()
            log.warning("edge %s: no namespace, using a userland path (%s)", self.edge, self.error)
            return
        sock.setblocking(False)
        mbit = int(message.partition(" ")[2] or 0)
        self.capacity = mbit * 1e6 / 8 if mbit else None
        self.channel, self.listener = ours, sock
        self.pidfile.parent.mkdir(parents=True, exist_ok=True)
        self.pidfile.write_text(str(self.process.pid))
        self._acceptor = asyncio.create_task(self._accept(sock), name=f"wire-{self.edge}")

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, peer = await loop.sock_accept(listener)
            waiting = self._far.pop(peer, None)
            if waiting is None or waiting.done():
                sock.close()
            else:
                waiting.set_result(sock)

    async def open(self) -> tuple[socket.socket, socket.socket]:
        """(near, far) ends. Waits as long as the wire is cut: the caller's client decides when to give up."""
        loop = asyncio.get_running_loop()
        while True:
            near = await self._fresh()
            try:
                near.bind(("127.0.0.1", 0))
                far = loop.create_future()
                self._far[near.getsockname()] = far
                await loop.sock_connect(near, ("127.0.0.1", PORT))
                return near, await asyncio.wait_for(far, 5.0)
            except (OSError, TimeoutError):
                near.close()
            except asyncio.CancelledError:
                near.close()
                raise
            await asyncio.sleep(RETRY_S)

    async def _fresh(self) -> socket.socket:
        async with self._hand:
            channel = self.channel
            if channel is None:
                raise OSError("the wire is gone")
            channel.send(b"+")
            _, sock = await asyncio.to_thread(_receive, channel, 2.0)
        if sock is None:
            raise OSError("the wire is gone")
        sock.setblocking(False)
        return sock

    async def rtt_ms(self, patience_s: float = 0.8) -> float | None:
        """Time of one small round trip through the wire's TCP, None when it does not come back."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience_s):
                if self._probe is None:
                    self._probe = await self.open()
                near, far = self._probe
                began = time.perf_counter()
                await loop.sock_sendall(near, b"ping")
                await loop.sock_recv(far, 4)
                await loop.sock_sendall(far, b"pong")
                await loop.sock_recv(near, 4)
        except (OSError, TimeoutError):
            self._close_probe()
            return None
        return (time.perf_counter() - began) * 1000

    def _close_probe(self) -> None:
        for sock in self._probe or ():
            sock.close()
        self._probe = None

    def close(self) -> None:
        if self._acceptor:
            self._acceptor.cancel()
        self._close_probe()
        for sock in (self.channel, self.listener):
            if sock:
                sock.close()
        self.channel = self.listener = None
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()


def _receive(channel: socket.socket, timeout: float) -> tuple[str, socket.socket | None]:
    channel.settimeout(timeout)
    message, fds, _, _ = socket.recv_fds(channel, 300, 1)
    for extra in fds[1:]:
        os.close(extra)
    return message.decode("utf-8", "replace"), socket.socket(fileno=fds[0]) if fds else None
