"""Takes events off the stream in a consumer group; counting and acknowledging are one transaction: each counts once.
What an earlier process had taken and never acknowledged is claimed at the start."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Any, cast

import redis.asyncio as aioredis
from redis.exceptions import RedisError, ResponseError

from ..kit.config import Config

log = logging.getLogger("shop")
STREAM, GROUP, DASHBOARD = "s:events", "counting", "analytics:dashboard"
BLOCK_MS, PAUSE_S = 1000, 1.0
Entry = tuple[str, dict[str, str]]


class Counting:
    """`consumer`: its name in the group."""

    def __init__(self, config: Config, store: aioredis.Redis, consumer: str) -> None:
        self.config, self.store, self.consumer = config, store, consumer
        self.counted = self.claimed = 0
        self.looked_at = time.monotonic()

    async def forever(self) -> None:
        ready = False
        while True:
            try:
                if not ready:
                    await self.join()
                    await self.take_over()
                    ready = True
                await self.look()
            except ResponseError as error:  # the stream was deleted, and its group with it
                ready = False
                log.warning("stream refused: %s", error)
                await asyncio.sleep(PAUSE_S)
            except RedisError as error:
                ready = False  # what was on its way is taken, and has not come
                log.error("stream unavailable: %s", error)
                await asyncio.sleep(PAUSE_S)

    async def join(self) -> None:
        """The group, from the stream's beginning where it is new."""
        try:
            await self.store.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def take_over(self) -> None:
        """Everything that somebody took and did not finish: there is one consumer, and its last process is gone."""
        start = "0-0"
        while True:
            found = await self.store.xautoclaim(STREAM, GROUP, self.consumer, 0, start, count=self._batch())
            start, entries = str(found[0]), [entry for entry in found[1] if entry[1]]
            await self._count(entries)
            self.claimed += len(entries)
            if start == "0-0":
                break
        if self.claimed:
            log.info("%d events of an earlier process are taken over", self.claimed)

    async def look(self) -> None:
        """One read; waits for a second at most."""
        self.looked_at = time.monotonic()
        found = await self.store.xreadgroup(
            GROUP, self.consumer, {STREAM: ">"}, count=self._batch(), block=BLOCK_MS
        )
        for _, entries in cast(list[tuple[str, list[Entry]]], found or []):
            await self._count(entries)

    async def dashboard(self) -> dict[str, Any]:
        """{orders, revenue, views}; empty when nothing was counted, or the store cannot be read."""
        try:
            totals = cast(dict[str, str], await cast(Awaitable[Any], self.store.hgetall(DASHBOARD)))
        except RedisError:
            return {}
        return {name: round(float(value), 2) for name, value in totals.items()}

    def _batch(self) -> int:
        return max(1, int(self.config.number("batch", 50)))

    async def _count(self, entries: list[Entry]) -> None:
        if not entries:
            return
        sums = {"orders": 0.0, "revenue": 0.0, "views": 0.0}
        for _, told in entries:
            kind = told.get("kind", "")
            sums["orders"] += kind == "order"
            sums["views"] += kind == "view"
            sums["revenue"] += float(told.get("total", 0)) if kind == "order" else 0.0
        async with self.store.pipeline(transaction=True) as pipe:
            for name, value in sums.items():
                if value:
                    pipe.hincrbyfloat(DASHBOARD, name, value)
            pipe.xack(STREAM, GROUP, *(number for number, _ in entries))
            await pipe.execute()
        self.counted += len(entries)
