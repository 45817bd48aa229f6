"""`python -m shop.world`: a payment and quote provider that is not ours. Public: /health, /v1/quote, /v1/insights,
/v1/key (what is known of a key), POST /v1/keys (another one, for who has the account's secret), and what payments.py
says."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os

from ..kit import logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.run import keep, run
from .keys import Keys
from .payments import Payments

ACCOUNT = ("/v1/webhook", "/v1/deliveries")  # what needs the account's own secret


class Provider:
    """Who may ask stands in its configuration and in what it issued; how long an answer takes, too."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.name = os.environ["REPLICA"]
        self.payments = Payments(config)
        self.tasks: set[asyncio.Task[None]] = set()
        self.keys = Keys(config, self.name)

    async def start(self) -> None:
        keep(self.tasks, self.payments.deliver_forever(), "deliveries")
        await serve(self.handle, int(os.environ["PORT"]))
        logging.getLogger("shop").info("%s is up", self.name)

    async def handle(self, request: Request) -> Response:
        if request.path == "/health":
            return json_response({"status": "ok", "provider": self.name})
        if not request.path.startswith("/v1/"):
            return json_response({"error": "not found"}, 404)
        if request.path == "/v1/keys" and request.method == "POST":
            return self.keys.issue(request)
        key = request.headers.get("x-api-key", "")
        if (refused := self._refusal(request.path, key)) is not None:
            return refused
        if request.path == "/v1/key":
            return json_response({"state": "valid", "expires_at": self.keys.ends(key)})
        latency = self.config.number("latency_ms", 15)
        if request.path == "/v1/insights":
            latency = self.config.number("insights_latency_ms", latency)
        await asyncio.sleep(latency / 1000)
        if (answer := await self.payments.take(request)) is not None:
            return answer
        query = request.query
        seed = int(hashlib.sha256(query.get("sku", "").encode()).hexdigest()[:6], 16)
        if request.path == "/v1/quote":
            amount = float(query.get("amount") or 0)
            fee = round(0.25 + amount * 0.014, 2)
            quote = {
                "provider": self.name,
                "fee": fee,
                "delivery": round(2.9 + seed % 300 / 100, 2),
                "days": 1 + seed % 4,
            }
            return json_response(quote)
        if request.path == "/v1/insights":
            return json_response({"provider": self.name, "also_bought": seed % 50, "trend": seed % 7 - 3})
        return json_response({"error": "not found"}, 404)

    def _refusal(self, path: str, key: str) -> Response | None:
        if path.startswith(ACCOUNT):
            known = key in (self.config.get("accounts") or {}).values()
            return None if known else json_response({"error": "not your account"}, 403)
        return self.keys.refusal(key)


def main() -> None:
    logs.setup("provider")
    config = load_or_exit()
    run(Provider(config).start, config)


if __name__ == "__main__":
    main()
