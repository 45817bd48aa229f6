"""GET of plain http addresses on connections that stay open, and nothing more: what a watcher does a thousand times a
second. Whatever is not the usual case (chunks, compressed bodies, odd heads or addresses) is left to the whole client.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import cast

from aiohttp import ClientRequest
from multidict import CIMultiDict

from systems.probes.base import NEXT_S, family

HEAD_MOST = 65_536
KNOWN_MOST = 4096  # addresses whose answers are not usual, remembered
_URL = re.compile(
    r"http://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?((?:/[A-Za-z0-9._~/-]*)?(?:\?[A-Za-z0-9._~/=&,:-]*)?)"
)
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n\0]*)?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
Place = tuple[str, int]


class Unusual(Exception):
    """The answer is one for the whole client."""


class Closed(ConnectionResetError):
    """The connection ended before anything came: it may have been closed while it was idle."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`cut`: the body is longer, and the rest of it not read."""

    status: int
    headers: CIMultiDict[str]
    body: bytes
    cut: bool


@dataclass(frozen=True, slots=True)
class Question:
    url: str
    place: Place
    head: bytes = field(repr=False)


@lru_cache(maxsize=4096)
def question(url: str, agent: str, headers: tuple[tuple[str, str], ...]) -> Question | None:
    """What is sent for a URL, the same as the whole client would; None where that is for it to say."""
    found = _URL.fullmatch(url)
    if found is None or "/." in url or not 0 < int(found[2] or 80) < 65_536:
        return None
    host, port, path = found[1].lower(), int(found[2] or 80), found[3]
    told = f"{host}:{port}" if port != 80 else host
    sent: CIMultiDict[str] = CIMultiDict({"Host": told})
    for more in (ClientRequest.DEFAULT_HEADERS, {"User-Agent": agent}, headers):
        sent.update(more)
    if any(_NAME.fullmatch(n.encode()) is None or re.search(r"[\r\n\0]", v) for n, v in sent.items()):
        return None
    lines = [
        f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1",
        *(f"{n}: {v}" for n, v in sent.items()),
    ]
    return Question(url, (host.strip("[]"), port), ("\r\n".join(lines) + "\r\n\r\n").encode())


class Quick:
    """A pool. `at_once` connections in use at most, `each` of them to one place; idle ones are kept `keep_s`."""

    def __init__(self, at_once: int, each: int, keep_s: float) -> None:
        self._at_once, self._each, self._keep_s = at_once, each, keep_s
        self._unusual: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self._all = asyncio.Semaphore(self._at_once)
        self._rooms: dict[Place, asyncio.Semaphore] = {}
        self._idle: dict[Place, list[_Wire]] = {}
        self._wires: set[_Wire] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    async def get(self, asked: Question, most: int, line: SimpleNamespace) -> Reply | None:
        """None: the whole client should ask. Notes in `line.in_line` whether it waits for a connection. OSError."""
        if asked.url in self._unusual:
            return None
        async with self._room(asked.place, line):
            wire = self._kept(asked.place)
            try:
                if wire is not None:
                    try:
                        return self._done(asked.place, wire, await wire.ask(asked.head, most))
                    except Closed:
                        pass
                wire = await self._open(asked.place)
                return self._done(asked.place, wire, await wire.ask(asked.head, most))
            except Unusual:
                if len(self._unusual) < KNOWN_MOST:
                    self._unusual.add(asked.url)
                return None
            finally:
                if wire is not None and not wire.idle:
                    self._drop(wire)

    def close(self) -> None:
        """Give up all connections; requests under way in them fail."""
        wires, sweeping = self._wires, self._sweeping
        self._begin()
        if sweeping is not None:
            sweeping.cancel()
        for wire in wires:
            wire.abort()

    @asynccontextmanager
    async def _room(self, place: Place, line: SimpleNamespace) -> AsyncIterator[None]:
        room, whole = self._rooms.setdefault(place, asyncio.Semaphore(self._each)), self._all
        line.in_line = room.locked()
        async with room:
            line.in_line = whole.locked()
            async with whole:
                line.in_line = False
                yield

    async def _open(self, place: Place) -> _Wire:
        loop, wires = asyncio.get_running_loop(), self._wires
        patience = NEXT_S if family(place[0]) is None else None
        _, wire = await loop.create_connection(_Wire, *place, happy_eyeballs_delay=patience)
        wires.add(wire)
        return wire

    def _done(self, place: Place, wire: _Wire, reply: Reply) -> Reply:
        if wire.reusable and wire in self._wires:
            wire.idle, wire.since = True, asyncio.get_running_loop().time()
            self._idle.setdefault(place, []).append(wire)
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().call_later(self._keep_s, self._sweep)
        return reply

    def _kept(self, place: Place) -> _Wire | None:
        idle, now = self._idle.get(place), asyncio.get_running_loop().time()
        while idle:
            wire = idle.pop()
            wire.idle = False
            if not wire.gone and now - wire.since <= self._keep_s:
                return wire
            self._drop(wire)
        return None

    def _drop(self, wire: _Wire) -> None:
        self._wires.discard(wire)
        wire.abort()

    def _sweep(self) -> None:
        """Close what was idle for too long."""
        loop = asyncio.get_running_loop()
        for place, idle in list(self._idle.items()):
            for wire in [w for w in idle if w.gone or loop.time() - w.since > self._keep_s]:
                idle.remove(wire)
                self._drop(wire)
            if not idle:
                del self._idle[place]
        self._sweeping = loop.call_later(self._keep_s, self._sweep) if self._idle else None


class _Wire(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self) -> None:
        self.gone = self.idle = self.reusable = False
        self.since = 0.0
        self._got = bytearray()
        self._most = 0
        self._head: _Head | None = None
        self._from = 0
        self._answer: asyncio.Future[Reply] | None = None

    async def ask(self, head: bytes, most: int) -> Reply:
        if self.gone:
            raise Closed("closed by server")
        self.reusable, self._most, self._head = False, most, None
        self._got = bytearray()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head)
        try:
            return await self._answer
        finally:
            self._answer = None

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # nobody asked: it belongs to no request
            self.reusable, self.gone = False, True
            self._transport.abort()
            return
        self._got += data
        self._look(self._answer, ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        answer = self._answer
        if answer is None or answer.done():
            return
        self._look(answer, ended=True)
        if not answer.done():
            answer.set_exception(self._broken_off(exc))

    def _broken_off(self, exc: Exception | None) -> OSError:
        if self._head is not None and exc is None:
            return OSError(
                f"the answer broke off: {len(self._got) - self._from} of {self._head.length} bytes came"
            )
        return ConnectionResetError("disconnected") if self._got else Closed("closed by server")

    def _look(self, answer: asyncio.Future[Reply], *, ended: bool) -> None:
        """Whether what came is a whole answer."""
        try:
            if self._head is None and not self._read_head():
                return
        except Unusual as error:
            answer.set_exception(error)
            return
        assert self._head is not None
        length, have = self._head.length, len(self._got) - self._from
        cut = have > self._most
        if not cut and not (ended if length is None else have >= length):
            return
        self.reusable = self._head.keeps and have == length and not cut
        body = bytes(self._got[self._from : None if cut or length is None else self._from + length])
        answer.set_result(Reply(self._head.status, self._head.headers, body, cut))

    def _read_head(self) -> bool:
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            if len(self._got) > HEAD_MOST:
                raise Unusual("its head has no end")
            return False
        self._head, self._from = _read(bytes(self._got[:end])), end + 4
        return True


@dataclass(frozen=True, slots=True)
class _Head:
    """`length` None: the body ends with the connection."""

    status: int
    headers: CIMultiDict[str]
    length: int | None
    keeps: bool


def _read(head: bytes) -> _Head:
    first, *lines = head.split(b"\r\n")
    found = _STATUS.fullmatch(first)
    if found is None or head.count(b"\n") != len(lines) or b"\0" in head:
        raise Unusual("no usual head")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(name) is None or b"\r" in value:
            raise Unusual("no usual header")
        headers.add(name.decode("ascii"), value.strip(b" \t").decode("utf-8", "surrogateescape"))
    status, lengths = int(found[2]), headers.getall("Content-Length", [])
    encoded = (
        "Transfer-Encoding" in headers or headers.get("Content-Encoding", "identity").lower() != "identity"
    )
    if (
        encoded
        or status < 200
        or len(lengths) > 1
        or not all(re.fullmatch(r"\d{1,15}", v, re.A) for v in lengths)
    ):
        raise Unusual("the body is not told plainly")
    length = 0 if status in (204, 304) else int(lengths[0]) if lengths else None
    keeps = found[1] == b"1" and "close" not in headers.get("Connection", "").lower()
    return _Head(status, headers, length, keeps)
