"""The proxy's request path: rate limit, route, pick a member, forward, retry once if that is safe."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterator

from ..kit.client import Client, ClientError
from ..kit.config import Config
from ..kit.http import Request, Response, json_response
from ..kit.metrics import OTHER, STATES, Figure, Metrics, Requests, state
from .limits import Limiter
from .pools import Member, Pool

log = logging.getLogger("shop")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"}
IDEMPOTENT = {"GET", "HEAD", "OPTIONS"}
MAX_HOPS = 16
WAITING = "/waiting"  # where newcomers are sent while more come than can be served
RETRY_BUDGET_S = 0.5  # an answer that took longer is not worth asking for twice


class Gateway:
    """Routes come from etc/gateway.yaml (prefix -> pool); `overrides` are set by hand until the next reload."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.client = Client()
        self.metrics = Metrics(self.figures)
        self.requests = Requests(self.metrics)
        self.limiter = Limiter(config)
        self.pools: dict[str, Pool] = {}
        self.routes: list[tuple[str, str]] = []
        self.overrides: dict[str, str] = {}
        self._checks: list[asyncio.Task[None]] = []

    def apply(self) -> None:
        """(Re)build pools and routes from the configuration, keeping what is known about members."""
        old = self.pools
        self.pools = {
            name: Pool(name, spec, self.config) for name, spec in self.config.get("pools", {}).items()
        }
        for name, pool in self.pools.items():
            if name in old:
                pool.adopt(old[name])
        routes = self.config.get("routes", [])
        self.routes = sorted(((r["prefix"], r["pool"]) for r in routes), key=lambda r: -len(r[0]))
        self.overrides = {}
        for task in self._checks:
            task.cancel()
        self._checks = [asyncio.create_task(p.check_forever(self.client)) for p in self.pools.values()]

    def pool_for(self, path: str) -> Pool | None:
        _, name = self._route(path)
        return self.pools.get(self.overrides.get(name, name))

    def _route(self, path: str) -> tuple[str, str]:
        """(prefix, pool) of the first route that fits."""
        return next((route for route in self.routes if path.startswith(route[0])), (OTHER, ""))

    async def handle(self, request: Request) -> Response:
        began = time.perf_counter()
        rid = request.headers.get("x-request-id") or uuid.uuid4().hex[:16]
        response, upstream = await self._answer(request, rid)
        ms = (time.perf_counter() - began) * 1000
        self.requests.observe(request.method, self._route(request.path)[0], response.status, ms / 1000)
        response.headers["X-Request-Id"] = rid
        fields = {
            "req_id": rid, "upstream": upstream, "status": response.status, "ms": round(ms, 1),
            "key": request.headers.get("x-api-key", ""),
        }  # fmt: skip
        level = logging.ERROR if response.status >= 500 else logging.INFO
        log.log(level, "%s %s %d", request.method, request.target, response.status, extra={"fields": fields})
        return response

    async def _answer(self, request: Request, rid: str) -> tuple[Response, str]:
        key = request.headers.get("x-api-key") or f"ip:{request.client}"
        ruling = self.limiter.admit(key)
        if ruling == "wait":
            return Response(302, b"", {"Location": WAITING, "Retry-After": "10"}), "-"
        if ruling == "limit":
            return json_response({"error": "rate limit exceeded"}, 429, {"Retry-After": "1"}), "-"
        hops = int(request.headers.get("x-hops") or 0) + 1
        if hops > MAX_HOPS:
            return json_response({"error": "loop detected"}, 508), "-"
        pool = self.pool_for(request.path)
        if pool is None:
            return json_response({"error": "no route"}, 404), "-"
        if not pool.breaker.allows():
            self.metrics.count("breaker_rejected")
            return json_response({"error": "circuit open", "pool": pool.name}, 503), "-"
        return await self._forward(pool, request, self._headers(request, rid, hops))

    def _headers(self, request: Request, rid: str, hops: int) -> dict[str, str]:
        kept = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        via = f"{kept.get('via', '')}, 1.1 gateway".lstrip(", ")
        return {**kept, "x-request-id": rid, "x-hops": str(hops), "via": via}

    async def _forward(self, pool: Pool, request: Request, headers: dict[str, str]) -> tuple[Response, str]:
        """Try one member, then another if the request may be repeated."""
        last: Member | None = None
        began = time.perf_counter()
        answer = json_response({"error": "no healthy upstream", "pool": pool.name}, 503)
        for attempt in (1, 2):
            member = pool.pick(avoid=last)
            if member is None or member is last:
                break
            last = member
            try:
                got = await self._send(pool, member, request, headers)
            except ClientError as error:
                member.failed(str(error), pool.fall)
                pool.breaker.failure()
                status = 504 if error.kind == "timeout" else 502
                log.warning("upstream %s failed: %s (attempt %d)", member.name, error, attempt)
                answer = json_response({"error": f"upstream {error.kind}", "upstream": member.name}, status)
                if error.kind == "timeout" or (error.sent and request.method not in IDEMPOTENT):
                    break
                continue
            member.served += 1
            member.misses = 0
            pool.breaker.success()
            quick = time.perf_counter() - began < RETRY_BUDGET_S
            if (
                got.status == 503
                and attempt == 1
                and quick
                and request.method in IDEMPOTENT
                and len(pool.members) > 1
            ):
                answer = _pass_on(got)
                continue
            return _pass_on(got), member.name
        return answer, last.name if last else "-"

    async def _send(self, pool: Pool, member: Member, request: Request, headers: dict[str, str]) -> Response:
        timeout = pool.timeout_s or self.config.number("upstream_timeout_s", 12)
        return await self.client.request(
            request.method, member.url + request.target, headers=headers, body=request.body, timeout_s=timeout
        )

    def figures(self) -> Iterator[Figure]:
        """Pools, breakers, members, and who asks most."""
        served: Counter[str] = Counter()
        for name, pool in self.pools.items():
            yield "pool_members", {"pool": name}, len(pool.members)
            yield "pool_members_up", {"pool": name}, sum(m.up for m in pool.members)
            yield from state("pool_breaker", pool.breaker.state, STATES, pool=name)
            served.update({member.name: member.served for member in pool.members})
        for name, count in served.items():
            yield "member_requests_total", {"member": name}, count
        for key, seen in self.limiter.seen.most_common(5):
            yield "client_requests_total", {"client": key}, seen


def _pass_on(got: Response) -> Response:
    kept = {name.title(): value for name, value in got.headers.items() if name not in HOP_BY_HOP}
    return Response(got.status, got.body, kept)
