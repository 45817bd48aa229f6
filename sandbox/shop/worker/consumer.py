"""Takes orders off the queue: q:orders -> q:orders:processing -> done. A failed one goes back to the head."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Iterator
from typing import Any, cast

import prometheus_client as prom
import redis.asyncio as aioredis
from psycopg_pool import AsyncConnectionPool
from redis.exceptions import RedisError

from ..kit.config import Config
from ..kit.metrics import BUCKETS, PREFIX, Figure, Metrics
from .thumbs import Thumbs

log = logging.getLogger("shop")
QUEUE, PROCESSING, DONE, HEARTBEAT = "q:orders", "q:orders:processing", "worker:done", "worker:heartbeat"


class Consumer:
    """`concurrency` loops share one database connection; nothing found means a pause of poll_interval_s."""

    def __init__(
        self, config: Config, queue: aioredis.Redis, database: AsyncConnectionPool, thumbs: Thumbs
    ) -> None:
        self.config, self.queue, self.database, self.thumbs = config, queue, database, thumbs
        self.metrics = Metrics(self.figures)
        self._took = prom.Histogram(
            f"{PREFIX}_message_duration_seconds",
            "How long it took until a message was done.",
            ("status",),
            registry=self.metrics.registry,
            buckets=BUCKETS,
        )
        self.beat_at = 0.0
        self._loops: list[asyncio.Task[None]] = []

    def apply(self) -> None:
        """As many loops as the configuration wants."""
        wanted = int(self.config.number("concurrency", 4))
        while len(self._loops) > wanted:
            self._loops.pop().cancel()
        while len(self._loops) < wanted:
            self._loops.append(asyncio.create_task(self._loop(), name=f"consumer-{len(self._loops)}"))

    async def heartbeat(self) -> None:
        while True:
            try:
                await self.queue.set(HEARTBEAT, f"{time.time():.3f}")
                self.beat_at = time.time()
            except RedisError as error:
                log.warning("no heartbeat: %s", error)
            self.thumbs.reap()
            await asyncio.sleep(self.config.number("heartbeat_s", 1.0))

    async def _loop(self) -> None:
        while True:
            try:
                raw = await cast(Awaitable[Any], self.queue.blmove(QUEUE, PROCESSING, 1, "RIGHT", "LEFT"))
            except RedisError as error:
                log.error("queue unavailable: %s", error)
                await asyncio.sleep(1.0)
                continue
            if raw is not None:
                await self._one(str(raw))
            pause = self.config.number("poll_interval_s", 0)
            if pause > 0:
                await asyncio.sleep(pause)

    async def _one(self, raw: str) -> None:
        """Handle one message; whatever goes wrong, it is put back at the head of the queue."""
        began = time.perf_counter()
        try:
            await self._fulfil(json.loads(raw))
        except Exception as error:
            self.metrics.count("messages_failed")
            log.exception("order failed, back to the queue: %s: %s", type(error).__name__, raw[:120])
            await self._settle(raw, back=True)
            await asyncio.sleep(self.config.number("retry_delay_s", 0.05))
            return
        await self._settle(raw, back=False)
        self._took.labels("ok").observe(time.perf_counter() - began)

    def figures(self) -> Iterator[Figure]:
        """Pictures, and the children that draw them."""
        yield "picture_children", {}, len(self.thumbs.children)
        yield "pictures_total", {}, self.thumbs.drawn

    async def _settle(self, raw: str, *, back: bool) -> None:
        try:
            async with self.queue.pipeline(transaction=True) as pipe:
                pipe.lrem(PROCESSING, 1, raw)
                if back:
                    pipe.rpush(QUEUE, raw)
                else:
                    pipe.incr(DONE)
                await pipe.execute()
        except RedisError as error:
            log.error("cannot settle a message, it stays in %s: %s", PROCESSING, error)

    async def _fulfil(self, order: dict[str, Any]) -> None:
        number, total = int(order["id"]), float(order["total"])
        await self._mark(number, "paid")
        await asyncio.sleep(self.config.number("packing_s", 0.15))
        self.thumbs.draw(number)
        await self._mark(number, "fulfilled")
        log.info("order %d fulfilled, total %.2f", number, total)

    async def _mark(self, number: int, status: str) -> None:
        async with self.database.connection() as conn:
            await conn.execute(
                "UPDATE shop.orders SET status = %s, updated_at = now() WHERE id = %s", (status, number)
            )
