"""Pools of upstream members: active health checks, passive ejection, and the circuit breaker."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from ..kit.client import Client, ClientError
from ..kit.config import Config

log = logging.getLogger("shop")


class Member:
    """One replica. Down after `fall` failed checks or `fall` passive failures in a row, up after one good check."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url.rstrip("/")
        self.up = True
        self.misses = 0
        self.served = 0
        self.why = ""

    def failed(self, why: str, fall: int) -> None:
        self.misses += 1
        self.why = why
        if self.up and self.misses >= fall:
            self.up = False
            log.error("member %s is down: %s", self.name, why)

    def answered(self) -> None:
        self.misses = 0
        if not self.up:
            self.up = True
            log.info("member %s is up", self.name)


class Breaker:
    """closed -> open after `failures` transport failures in a row -> half-open after reset_timeout_s -> closed."""

    def __init__(self, pool: str, config: Config, *, used: bool = True) -> None:
        self.pool, self.config, self.used = pool, config, used
        self.failures = 0
        self.opened_at = 0.0
        self.state = "closed"

    def allows(self) -> bool:
        if self.state == "open":
            waited = time.monotonic() - self.opened_at
            if waited < self.config.number("breaker.reset_timeout_s", 3):
                return False
            self.state = "half-open"
            log.warning("breaker %s: half-open", self.pool)
        return True

    def success(self) -> None:
        if self.state != "closed":
            log.info("breaker %s: closed", self.pool)
        self.state, self.failures = "closed", 0

    def failure(self) -> None:
        self.failures += 1
        if not self.used:
            return
        if self.state == "half-open" or self.failures >= self.config.number("breaker.failures", 8):
            if self.state != "open":
                log.error("breaker %s: open after %d failures", self.pool, self.failures)
            self.state, self.opened_at = "open", time.monotonic()

    def reset(self) -> None:
        self.state, self.failures = "closed", 0
        log.warning("breaker %s: reset by hand", self.pool)


class Pool:
    """Members behind one name; `pick` goes round robin over those that are up."""

    def __init__(self, name: str, spec: dict[str, Any], config: Config) -> None:
        self.name = name
        self.members = [Member(str(m["name"]), str(m["url"])) for m in spec.get("members", [])]
        self.health: dict[str, Any] = spec.get("health") or {}
        self.timeout_s: float | None = spec.get("timeout_s")
        self.breaker = Breaker(name, config, used=bool(spec.get("breaker", True)))
        self._turn = 0

    @property
    def fall(self) -> int:
        return int(self.health.get("fall", 2)) if self.health else 1_000_000_000

    def pick(self, avoid: Member | None = None) -> Member | None:
        up = [m for m in self.members if m.up]
        choices = [m for m in up if m is not avoid] or up
        if not choices:
            return None
        self._turn += 1
        return choices[self._turn % len(choices)]

    async def check_forever(self, client: Client) -> None:
        """Without a `health` section members are never taken out."""
        if not self.health:
            return
        while True:
            await asyncio.gather(*(self._check(client, m) for m in self.members))
            await asyncio.sleep(float(self.health.get("interval_s", 1.0)))

    async def _check(self, client: Client, member: Member) -> None:
        path = str(self.health.get("path", "/livez"))
        try:
            answer = await client.request(
                "GET", member.url + path, timeout_s=float(self.health.get("timeout_s", 1.0))
            )
        except ClientError as error:
            member.failed(str(error), self.fall)
            return
        if answer.status == 200:
            member.answered()
        else:
            member.failed(f"status {answer.status}", self.fall)

    def adopt(self, old: Pool) -> None:
        """Keep what is known about members and the breaker across a reload."""
        known = {(m.name, m.url): m for m in old.members}
        self.members = [known.get((m.name, m.url), m) for m in self.members]
        old.breaker.pool = self.name
        self.breaker = old.breaker
