"""`python -m shop.gateway`: the shop's front door, by http and, at TLS_PORT, by https.

Own routes: GET /healthz, /metrics, /pools, /waiting (the page for those who wait), /admission; POST
/admission?mode=shed|open; POST /breaker/reset; POST /reload reads the configuration anew; POST
/pools/NAME/use?pool=OTHER sends the traffic of one pool to another until the next reload (POST /pools/NAME/use
without a pool takes that back).
"""

from __future__ import annotations

import logging
import os

from ..kit import logs
from ..kit.config import load_or_exit
from ..kit.http import Request, Response, html_response, json_response, serve
from ..kit.metrics import PATH
from ..kit.run import run
from .proxy import WAITING, Gateway
from .tls import Certificate

OWN = {"/healthz", PATH, "/pools", "/breaker/reset", "/reload", "/admission", WAITING}
PAGE = "<!doctype html><title>One moment</title><p>Many people are here right now. You are let in soon.</p>"


class Door:
    """Answers the gateway's own routes and proxies everything else."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def handle(self, request: Request) -> Response:
        if request.path in OWN or (request.path.startswith("/pools/") and request.method == "POST"):
            return self._own(request)
        return await self.gateway.handle(request)

    def _own(self, request: Request) -> Response:
        gateway = self.gateway
        if request.path == "/healthz":
            return json_response({"status": "ok", "service": "gateway"})
        if request.path == PATH:
            return gateway.metrics.response()
        if request.path == "/pools":
            return json_response(
                {
                    name: {
                        "breaker": pool.breaker.state,
                        "sent_to": gateway.overrides.get(name, name),
                        "members": [{"name": m.name, "up": m.up, "why": m.why} for m in pool.members],
                    }
                    for name, pool in gateway.pools.items()
                }
            )
        if request.path == WAITING:
            return html_response(PAGE, headers={"Refresh": "10; url=/"})
        if request.path == "/admission":
            return self._admission(request)
        if request.path == "/breaker/reset" and request.method == "POST":
            for pool in gateway.pools.values():
                pool.breaker.reset()
            return json_response({"breakers": {name: p.breaker.state for name, p in gateway.pools.items()}})
        if request.path == "/reload" and request.method == "POST":
            gateway.config.reload()
            return json_response({"status": "ok"})
        return self._use(request)

    def _admission(self, request: Request) -> Response:
        """Whether newcomers wait; POST says whether they shall."""
        room, mode = self.gateway.limiter.room, request.query.get("mode", "")
        if request.method == "POST":
            if mode not in ("shed", "open"):
                return json_response({"error": "not found"}, 404)
            room.set(mode)
            logging.getLogger("shop").warning("admission is %s", mode)
        return json_response({"mode": room.mode})

    def _use(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        other = request.query.get("pool", "")
        pools = self.gateway.pools
        if len(parts) != 3 or parts[2] != "use" or parts[1] not in pools or (other and other not in pools):
            return json_response({"error": "not found"}, 404)
        if other and other != parts[1]:
            self.gateway.overrides[parts[1]] = other
        else:
            self.gateway.overrides.pop(parts[1], None)
        logging.getLogger("shop").warning("traffic of pool %s goes to %s", parts[1], other or parts[1])
        return json_response({"pool": parts[1], "sent_to": other or parts[1]})


def main() -> None:
    logs.setup("gateway")
    config = load_or_exit()
    gateway, certificate = Gateway(config), Certificate(config)

    async def start() -> None:
        for part in (gateway, certificate):
            part.apply()
            config.listeners.append(part.apply)
        door = Door(gateway)
        await serve(door.handle, int(os.environ["PORT"]))
        if certificate.wanted:
            await serve(door.handle, int(os.environ["TLS_PORT"]), certificate.context)
        logging.getLogger("shop").info("gateway listens on %s", os.environ["PORT"])

    run(start, config)


if __name__ == "__main__":
    main()
