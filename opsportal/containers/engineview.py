"""A view of the Docker engine for those who may only look: `uvicorn opsportal.containers.engineview:app`.

GET and HEAD of LOOKS reach the engine's socket, streams as they flow; everything else is answered 403. The values of
environment variables are left out of inspections: other people's passwords stand there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, quote

import h11

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SOCKET = os.environ.get("DOCKER_SOCKET", "/var/run/docker.sock")
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
IMAGE = rf"{NAME}(?:[/:@]{NAME})*"
INSPECTS = re.compile(rf"(?:/v[0-9.]+)?/(?:containers/{NAME}|images/{IMAGE})/json")
LOOKS = re.compile(
    rf"(?:/v[0-9.]+)?/(?:_ping|version|info|events|containers/json|containers/{NAME}/(?:json|logs|stats|top)"
    rf"|images/{IMAGE}/json)"
)
COLUMNS = re.compile(r"-eo [a-z,]+")  # of `ps`; its other options show environments
HOP = frozenset((b"connection", b"transfer-encoding", b"keep-alive", b"upgrade"))
CONNECT_S = 5.0
log = logging.getLogger(__name__)


def refusal(method: str, path: str, query: str) -> str:
    """Why the request is not passed on; empty when it is. `path` is decoded."""
    if method not in ("GET", "HEAD"):
        return f"{method} is refused: this is a view of the engine, for reading only"
    if not LOOKS.fullmatch(path):
        return f"{path[:200]} cannot be seen through this view of the engine"
    columns = parse_qs(query).get("ps_args", [])
    if not all(COLUMNS.fullmatch(told) for told in columns):
        return f"ps_args can be columns only here, as in -eo pid,args: {columns[0][:100]}"
    return ""


def without_values(inspected: dict[str, Any]) -> dict[str, Any]:
    """An inspection with the names of the environment's variables and not their values."""
    for part in ("Config", "ContainerConfig"):
        if isinstance(config := inspected.get(part), dict):
            config["Env"] = [entry.partition("=")[0] + "=" for entry in config.get("Env") or []]
    return inspected


class View:
    """The ASGI application. `socket`: path of the engine's."""

    def __init__(self, socket: str) -> None:
        self.socket = socket

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode("latin-1")
        if why := refusal(method, path, query):
            await _say(send, 403, why)
            return
        work = asyncio.ensure_future(self._pass_on(method, path, query, send))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, gone):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _pass_on(self, method: str, path: str, query: str, send: Send) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_unix_connection(self.socket)
        except (OSError, TimeoutError) as error:
            log.warning("the engine at %s does not answer: %s", self.socket, error)
            await _say(send, 503, f"no Docker engine answers at {self.socket}: {error}")
            return
        try:
            engine = _Engine(reader, writer)
            answer = await engine.ask(method, f"{quote(path, safe='/:')}?{query}")
            headers = [(name, value) for name, value in answer.headers if name not in HOP]
            if method == "GET" and answer.status_code == 200 and INSPECTS.fullmatch(path):
                body = b"".join([piece async for piece in engine.pieces()])
                body = json.dumps(without_values(json.loads(body))).encode()
                headers = [(name, value) for name, value in headers if name != b"content-length"]
                await _start(send, 200, [*headers, (b"content-length", str(len(body)).encode())])
                await send({"type": "http.response.body", "body": body})
                return
            await _start(send, answer.status_code, headers)
            async for piece in engine.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            writer.close()


class _Engine:
    """One request to the engine, on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.CLIENT)

    async def ask(self, method: str, target: str) -> h11.Response:
        """The answer's head. h11.RemoteProtocolError: it is none."""
        headers = [("host", "engine"), ("connection", "close")]
        head = self._state.send(h11.Request(method=method, target=target, headers=headers))
        self._writer.write((head or b"") + (self._state.send(h11.EndOfMessage()) or b""))
        event = await self._next()
        while not isinstance(event, h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the engine has hung up")
            event = await self._next()
        return event

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's body as it comes."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> Any:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            self._state.receive_data(await self._reader.read(65536))
        return event


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _say(send: Send, status: int, text: str) -> None:
    body = json.dumps({"message": text}).encode()
    length = str(len(body)).encode()
    await _start(send, status, [(b"content-type", b"application/json"), (b"content-length", length)])
    await send({"type": "http.response.body", "body": body})


app = View(SOCKET)
