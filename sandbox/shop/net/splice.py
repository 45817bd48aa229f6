"""Copies bytes between two connected sockets in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from typing import Any

CHUNK = 65_536


async def splice(left: socket.socket, right: socket.socket, stats: dict[str, int] | None) -> None:
    """Ends when either side has ended; OSError when one breaks. `stats` counts bytes seen from the left."""
    there = asyncio.create_task(_pump(left, right, stats, "bytes_in"))
    back = asyncio.create_task(_pump(right, left, stats, "bytes_out"))
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


async def _pump(source: socket.socket, sink: socket.socket, stats: dict[str, int] | None, key: str) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK):
        if stats is not None:
            stats[key] += len(data)
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
