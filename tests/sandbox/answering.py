"""A service of the shop's small HTTP server beside a test, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.shop.kit.http import Handler, serve


@contextmanager
def answering(handler: Handler) -> Iterator[str]:
    """Its address, while it answers."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve(handler, 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.run_until_complete(_end())
    loop.close()


async def _end() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
