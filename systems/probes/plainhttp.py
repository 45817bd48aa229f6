"""One GET on a socket of its own, with nothing shared: what the pool of the probes is checked against."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE_S = 1.0  # for the whole of it


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def get(url: str, headers: dict[str, str], tls: ssl.SSLContext | None, most: int) -> Reply:
    """At most `most` bytes of the body. Raises OSError (TimeoutError among them), EOFError or ValueError (no HTTP)."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=tls, happy_eyeballs_delay=0.25)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            lines = [f"GET {path} HTTP/1.0", f"Host: {parts.netloc.rpartition('@')[2]}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace"))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            found = [(n.strip(), v.strip()) for n, colon, v in (h.partition(":") for h in head[1:]) if colon]
            return Reply(_status(head[0]), found, await _body(reader, dict(found), most))
        finally:
            with suppress(OSError, RuntimeError):
                writer.close()


def _status(line: str) -> int:
    version, _, rest = line.partition(" ")
    if not version.startswith("HTTP/"):
        raise ValueError("what answers does not speak HTTP")
    return int(rest[:3])


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], most: int) -> bytes:
    length = next((v for n, v in headers.items() if n.lower() == "content-length"), "")
    if length.isascii() and length.isdigit():
        return await reader.readexactly(min(int(length), most))
    body = b""
    while len(body) < most and (chunk := await reader.read(65_536)):
        body += chunk
    return body
