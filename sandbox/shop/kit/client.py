"""A keep-alive HTTP client on asyncio streams. Errors say what kind of failure it was: refused, reset or timeout."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from urllib.parse import urlsplit

from .http import Response, parse_head

IDLE_S = 4.0


class ClientError(Exception):
    """The request got no answer. `kind`: refused | reset | timeout. `sent`: the server may have seen it."""

    def __init__(self, kind: str, detail: str, *, sent: bool) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.sent = sent


class _Conn:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.used_at = reader, writer, time.monotonic()


class Client:
    """Pools idle connections per host and port."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[_Conn]] = defaultdict(list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = 5.0,
    ) -> Response:
        """One request; raises ClientError."""
        parts = urlsplit(url)
        key = (parts.hostname or "127.0.0.1", parts.port or 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = {"Host": f"{key[0]}:{key[1]}", **(headers or {})}
        if body or method in ("POST", "PUT"):
            head["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        payload = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + body
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(key, payload)
        except TimeoutError:
            raise ClientError(
                "timeout", f"no answer from {key[0]}:{key[1]} in {timeout_s:g} s", sent=True
            ) from None

    async def _exchange(self, key: tuple[str, int], payload: bytes) -> Response:
        while (conn := self._take(key)) is not None:
            try:
                return await self._once(key, conn, payload)
            except ClientError as error:
                if error.sent:
                    raise
        try:
            reader, writer = await asyncio.open_connection(*key)
        except OSError as error:
            raise ClientError(
                "refused", f"{key[0]}:{key[1]} {error.strerror or error}", sent=False
            ) from error
        return await self._once(key, _Conn(reader, writer), payload, fresh=True)

    def _take(self, key: tuple[str, int]) -> _Conn | None:
        idle = self._idle[key]
        while idle:
            conn = idle.pop()
            if (
                time.monotonic() - conn.used_at < IDLE_S
                and not conn.reader.at_eof()
                and not conn.writer.is_closing()
            ):
                return conn
            conn.writer.close()
        return None

    async def _once(
        self, key: tuple[str, int], conn: _Conn, payload: bytes, *, fresh: bool = False
    ) -> Response:
        started = False
        keep = False
        try:
            conn.writer.write(payload)
            await conn.writer.drain()
            head = await conn.reader.readuntil(b"\r\n\r\n")
            started = True
            first, headers = parse_head(head)
            if "content-length" in headers:
                content = await conn.reader.readexactly(int(headers["content-length"]))
                keep = headers.get("connection", "").lower() != "close"
            else:
                content = await conn.reader.read()
            return Response(int(first.split(" ")[1]), content, headers)
        except (OSError, asyncio.IncompleteReadError) as error:
            detail = f"{key[0]}:{key[1]} closed the connection"
            raise ClientError("reset", detail, sent=fresh or started) from error
        finally:
            conn.used_at = time.monotonic()
            if keep:
                self._idle[key].append(conn)
            else:
                conn.writer.close()
