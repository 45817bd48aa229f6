"""Runs an asyncio service until SIGTERM or SIGINT; SIGHUP reloads its configuration."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from .config import Config

log = logging.getLogger("shop")


def run(main: Callable[[], Awaitable[None]], config: Config | None = None) -> None:
    """`main` sets the service up and returns; background tasks must be kept alive by its owner."""

    async def body() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for sig in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sig, stop.set)
        loop.add_signal_handler(signal.SIGHUP, config.reload if config else lambda: None)
        await main()
        await stop.wait()
        log.info("stopping")

    asyncio.run(body())


def keep(tasks: set[asyncio.Task[None]], work: Awaitable[None], name: str) -> None:
    """Start a background task; its unexpected end is logged."""

    async def guarded() -> None:
        try:
            await work
        except Exception:
            log.exception("background task %s died", name)

    task = asyncio.create_task(guarded(), name=name)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
