"""A small HTTP/1.1 server on asyncio streams: keep-alive, Content-Length bodies, nothing more than the shop needs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

log = logging.getLogger("shop")
MAX_HEAD, MAX_BODY = 32_768, 2_000_000
_PHRASES = {int(status): status.phrase for status in HTTPStatus}


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes = b""
    client: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, sep, value in pairs if sep}


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


Handler = Callable[[Request], Awaitable[Response]]


def json_response(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(data, default=str).encode()
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})


def html_response(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(status, text.encode(), {"Content-Type": "text/html; charset=utf-8", **(headers or {})})


def parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    """First line and headers (names lower case)."""
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers: dict[str, str] = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first, headers


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, headers = parse_head(head)
    method, target, _ = first.split(" ", 2)
    length = int(headers.get("content-length") or 0)
    if length > MAX_BODY:
        raise ValueError("body too large")
    return Request(method, target, headers, await reader.readexactly(length) if length else b"")


def encode(response: Response, *, keep: bool) -> bytes:
    reason = _PHRASES.get(response.status, "")
    lines = [f"HTTP/1.1 {response.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines += [f"Content-Length: {len(response.body)}", "Connection: " + ("keep-alive" if keep else "close")]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + response.body


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Exception:
        log.exception("unhandled error: %s %s", request.method, request.path)
        return json_response({"error": "internal server error"}, 500)


def listen_host() -> str:
    """LISTEN_HOST of the environment; only this machine when it says nothing."""
    return os.environ.get("LISTEN_HOST", "127.0.0.1")


async def serve(handler: Handler, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Start listening; every request is answered by `handler`. `tls`: over https."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        try:
            while request := await _read_request(reader):
                request.client = peer[0] if peer else ""
                keep = request.headers.get("connection", "").lower() != "close"
                response = await _answer(handler, request)
                writer.write(encode(response, keep=keep))
                await writer.drain()
                if not keep:
                    break
        except (ConnectionError, ValueError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:  # the loop is closing: nobody else waits for this task
            pass
        finally:
            writer.close()

    return await asyncio.start_server(connection, listen_host(), port, limit=MAX_HEAD, backlog=128, ssl=tls)
