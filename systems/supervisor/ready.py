"""Is a service ready? One attempt of a tcp or http check; waiting is the caller's."""

import asyncio
from urllib.parse import urlsplit

from .config import Ready

ATTEMPT_S = 1.0
PAUSE_S = 0.05


async def _connects(host: str, port: int, request: bytes | None) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        if request is None:
            return True
        writer.write(request)
        status = (await reader.readline()).split()
        return len(status) > 1 and status[1][:1] in (b"2", b"3")
    finally:
        writer.close()


async def attempt(ready: Ready) -> bool:
    """One try, at most ATTEMPT_S long; never raises for a service that is not there yet."""
    if ready.tcp is not None:
        host, port, request = *ready.tcp, None
    else:
        url = urlsplit(ready.http or "")
        host, port = url.hostname or "127.0.0.1", url.port or 80
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        request = f"GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    try:
        return await asyncio.wait_for(_connects(host, port, request), ATTEMPT_S)
    except (OSError, TimeoutError, ValueError):
        return False


async def until_ready(ready: Ready) -> None:
    """Returns when the check passes; runs for ever otherwise (cancel it when the process ends)."""
    while not await attempt(ready):  # noqa: ASYNC110 - the other side sends no event
        await asyncio.sleep(PAUSE_S)
