"""Waiting for tasks to end, but not for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

log = logging.getLogger(__name__)


async def ended(tasks: Collection[asyncio.Task[None]], within_s: float) -> None:
    """Wait until all have ended, however. What has not within `within_s` is cancelled and left to itself."""
    if not tasks:
        return
    done, late = await asyncio.wait(tasks, timeout=within_s)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s ended badly: %s", task.get_name(), error)
    for task in late:
        task.cancel()
        log.warning("%s does not end; it is left to itself", task.get_name())
