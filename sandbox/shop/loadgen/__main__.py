"""`python -m shop.loadgen`: visitors of the shop. GET /healthz, /metrics."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import random
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import prometheus_client as prom

from ..kit import logs
from ..kit.client import Client, ClientError
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import BUCKETS, PATH, Figure, Metrics
from ..kit.run import keep, run

log = logging.getLogger("shop")
KEYS = ["web-1", "web-2", "web-3", "mobile-1", "mobile-2", "partner-17"]
CATEGORIES = ["", "", "kitchen", "desk", "garden", "travel", "books"]
PICTURE_BYTES = (24_000, 96_000)
MIX = {
    "browse": 34,
    "product": 32,
    "page": 8,
    "quote": 10,
    "buy": 6,
    "account": 10,
    "picture": 8,
    "return": 6,
}
CARTS = 12  # visitors who come back to what they had


class Visitors:
    """Arrivals at random, `rps` requests a second on average (0: nobody comes); at most max_in_flight at once.
    `clients`: so many with a key each; 0: the usual few."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.client = Client()
        self.metrics = Metrics(self.figures)
        self._took = prom.Histogram(
            "http_client_request_duration_seconds",
            "How long a visitor waited for an answer.",
            ("method", "status"),
            registry=self.metrics.registry,
            buckets=BUCKETS,
        )
        self.base = os.environ["GATEWAY_URL"].rstrip("/")
        self.skus: list[str] = []
        self.carts: deque[str] = deque(maxlen=CARTS)
        self.busy: set[asyncio.Task[None]] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        keep(self.tasks, self.arrive(), "arrivals")
        await serve(self.handle, int(os.environ["PORT"]))
        log.info("loadgen is up")

    async def handle(self, request: Request) -> Response:
        if request.path == "/healthz":
            return json_response({"status": "ok"})
        if request.path == PATH:
            return self.metrics.response()
        return json_response({"error": "not found"}, 404)

    def figures(self) -> Iterator[Figure]:
        """Who is waiting."""
        yield "visits_in_flight", {}, len(self.busy)

    async def arrive(self) -> None:
        while True:
            rps = self.config.number("rps", 6)
            if rps <= 0:
                await asyncio.sleep(0.5)
                continue
            await asyncio.sleep(
                min(2.0, random.expovariate(rps / 1.5))
            )  # a visit makes 1.5 requests on average
            if len(self.busy) < self.config.number("max_in_flight", 60):
                kind = random.choices(list(MIX), list(MIX.values()))[0]
                keep(self.busy, self.visit(kind), kind)

    async def visit(self, kind: str) -> None:
        clients = int(self.config.number("clients", 0))
        key = f"new-{random.randint(1, clients)}" if clients else random.choice(KEYS)
        if kind == "browse" or not self.skus:
            data = await self.call(key, "GET", f"/api/catalog?limit=24&category={random.choice(CATEGORIES)}")
            if data and data.get("items"):
                self.skus = list({*self.skus[-60:], *(item["sku"] for item in data["items"])})
            return
        sku = random.choice(self.skus)
        if kind == "product":
            await self.call(key, "GET", f"/api/product/{sku}")
            await self.call(key, "GET", f"/api/picture/{sku}")
            await self.call(key, "GET", f"/api/insights/{sku}")
        elif kind == "page":
            await self.call(key, "GET", "/")
        elif kind == "quote":
            await self.call(key, "GET", f"/api/quote?sku={sku}")
        elif kind == "picture":
            picture = base64.b64encode(os.urandom(random.randint(*PICTURE_BYTES))).decode()
            await self.call(key, "POST", "/api/upload", {"sku": sku, "data": picture})
        elif kind == "buy":
            await self.buy(key, sku)
        elif kind == "return":
            if self.carts:
                sid = random.choice(self.carts)
                await self.call(key, "GET", "/api/cart", None, {"Cookie": f"sid={sid}"})
        else:
            await self.account(key)

    async def buy(self, key: str, sku: str) -> None:
        cart = await self.call(key, "POST", "/api/cart", {"sku": sku, "qty": random.randint(1, 3)})
        if cart and "session" in cart:
            self.carts.append(str(cart["session"]))
            for more in random.sample(self.skus, min(random.randint(0, 3), len(self.skus))):
                await self.call(
                    key, "POST", "/api/cart", {"sku": more, "qty": 1}, {"X-Session": str(cart["session"])}
                )
            coupon = random.choice(["", "", "WELCOME10"])
            order = {
                "email": f"visitor{random.randint(1, 40)}@example.test",
                "coupon": coupon,
                "payment": random.choice(["card", "card", "invoice"]),
            }
            await self.call(key, "POST", "/api/checkout", order, {"X-Session": str(cart["session"])})

    async def account(self, key: str) -> None:
        who = {"email": f"user{random.randint(1, 5)}@example.test", "password": "corner-shop"}
        answer = await self.call(key, "POST", "/api/login", who)
        if answer and "token" in answer:
            await self.call(key, "GET", "/api/me", None, {"Authorization": f"Bearer {answer['token']}"})

    async def call(
        self, key: str, method: str, path: str, data: object = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        """One request; the parsed answer when it is JSON and fine."""
        began = time.perf_counter()
        status = 599
        body = json.dumps(data).encode() if data is not None else b""
        kept = {"X-Api-Key": key, "User-Agent": "visitor", **(headers or {})}
        if body:
            kept["Content-Type"] = "application/json"
        try:
            answer = await self.client.request(
                method,
                self.base + path,
                headers=kept,
                body=body,
                timeout_s=self.config.number("timeout_s", 8),
            )
            status = answer.status
            if status == 200 and answer.body[:1] == b"{":
                parsed: dict[str, Any] = answer.json()
                return parsed
            if status >= 500:
                log.warning("%s %s answered %d", method, path, status)
        except ClientError as error:
            log.warning("%s %s got no answer: %s", method, path, error)
        finally:
            self._took.labels(method, str(status)).observe(time.perf_counter() - began)
        return None


def main() -> None:
    logs.setup("loadgen")
    config = load_or_exit()
    run(Visitors(config).start, config)


if __name__ == "__main__":
    main()
