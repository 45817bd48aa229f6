"""Copies bytes between two connected sockets in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any

CHUNK = 65_536
Count = Callable[[str, bytes], None]  # told of each piece: "bytes_in" from the left or "bytes_out" to it


async def splice(left: socket.socket, right: socket.socket, count: Count | None) -> None:
    """Ends when either side has ended; OSError when one breaks."""
    there = asyncio.create_task(_pump(left, right, count, "bytes_in"))
    back = asyncio.create_task(_pump(right, left, count, "bytes_out"))
    try:
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (there, back):
            if not task.done():
                task.cancel()
        results = await asyncio.gather(there, back, return_exceptions=True)
    for result in results:
        if isinstance(result, OSError):
            raise result
    for sock in (left, right):  # let the other half of a chain see the end
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


async def _pump(source: socket.socket, sink: socket.socket, count: Count | None, key: str) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK):
        if count is not None:
            count(key, data)
        await loop.sock_sendall(sink, data)


async def both(
    first: Coroutine[Any, Any, None], second: Coroutine[Any, Any, None], linger_s: float = 5.0
) -> None:
    """Run two halves of a chain; when one has ended the other gets `linger_s` to follow. Raises their OSError."""
    tasks = {asyncio.create_task(first), asyncio.create_task(second)}
    try:
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if rest and not any(task.exception() for task in done):
            await asyncio.wait(rest, timeout=linger_s)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, OSError):
            raise result
