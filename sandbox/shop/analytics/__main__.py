"""`python -m shop.analytics`: consumes the stream s:events. GET /dashboard, /healthz, /metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import redis.asyncio as aioredis
from pydantic import BaseModel, ConfigDict

from ..kit import logs, settings
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import PATH, Figure, Metrics
from ..kit.run import keep, run
from .counting import Counting


class Settings(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    REDIS_URL: str
    PORT: int
    REPLICA: str = "analytics"


class Analytics:
    """Wires the counting to its stream and its pages."""

    def __init__(self, config: Config, values: Settings) -> None:
        self.values = values
        self.metrics = Metrics(self.figures)
        store = aioredis.Redis.from_url(
            values.REDIS_URL, decode_responses=True, socket_timeout=4, client_name=values.REPLICA
        )
        self.counting = Counting(config, store, values.REPLICA)
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        keep(self.tasks, self.counting.forever(), "counting")
        await serve(self.handle, self.values.PORT)
        logging.getLogger("shop").info("analytics is up")

    async def handle(self, request: Request) -> Response:
        if request.path == "/dashboard":
            return json_response(await self.counting.dashboard())
        if request.path == "/healthz":
            age = round(time.monotonic() - self.counting.looked_at, 1)
            return json_response({"status": "ok", "looked_s_ago": age})
        if request.path == PATH:
            return self.metrics.response()
        return json_response({"error": "not found"}, 404)

    def figures(self) -> Iterator[Figure]:
        """What was counted since it started, and how long ago it looked for more."""
        yield "events_counted_total", {}, self.counting.counted
        yield "events_claimed_total", {}, self.counting.claimed
        yield "events_looked_age_seconds", {}, time.monotonic() - self.counting.looked_at


def main() -> None:
    logs.setup("analytics")
    config = load_or_exit()
    run(Analytics(config, settings.read(Settings)).start, config)


if __name__ == "__main__":
    main()
