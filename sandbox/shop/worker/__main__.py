"""`python -m shop.worker`: consumes q:orders. GET /healthz, /metrics."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

import redis.asyncio as aioredis
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, ConfigDict

from ..kit import logs, settings
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import PATH
from ..kit.run import keep, run
from .consumer import Consumer
from .thumbs import Thumbs


class Settings(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    DATABASE_URL: str
    REDIS_URL: str
    PORT: int
    REPLICA: str = "worker"


class Worker:
    """Wires the consumer to its queue, its database and its health page."""

    def __init__(self, config: Config, values: Settings) -> None:
        self.config, self.values = config, values
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        queue = aioredis.Redis.from_url(
            self.values.REDIS_URL, decode_responses=True, socket_timeout=4, client_name=self.values.REPLICA
        )
        database = AsyncConnectionPool(
            self.values.DATABASE_URL, min_size=1, max_size=1, timeout=2.0, max_lifetime=10, reconnect_timeout=3.0,
            open=False, name=self.values.REPLICA,
            kwargs={"autocommit": True, "connect_timeout": 2, "application_name": self.values.REPLICA},
        )  # fmt: skip
        await database.open(wait=False)
        self.consumer = Consumer(
            self.config, queue, database, Thumbs(self.config, Path(os.environ["THUMBS_DIR"]))
        )
        self.consumer.apply()
        self.config.listeners.append(self.consumer.apply)
        keep(self.tasks, self.consumer.heartbeat(), "heartbeat")
        await serve(self.handle, self.values.PORT)
        logging.getLogger("shop").info("worker is up")

    async def handle(self, request: Request) -> Response:
        if request.path == "/healthz":
            return json_response(
                {"status": "ok", "heartbeat_age_s": round(time.time() - self.consumer.beat_at, 1)}
            )
        if request.path == PATH:
            return self.consumer.metrics.response()
        return json_response({"error": "not found"}, 404)


def main() -> None:
    logs.setup("worker")
    config = load_or_exit()
    run(Worker(config, settings.read(Settings)).start, config)


if __name__ == "__main__":
    main()
