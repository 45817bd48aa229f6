"""Token buckets: one shared by all clients, and one for each client that was given a limit of its own."""

from __future__ import annotations

import time
from collections import Counter

from ..kit.config import Config


class Bucket:
    """`rate` tokens a second, at most `burst` saved up."""

    def __init__(self) -> None:
        self.tokens: float | None = None
        self.at = time.monotonic()

    def take(self, rate: float, burst: float) -> bool:
        now = time.monotonic()
        saved = burst if self.tokens is None else self.tokens + (now - self.at) * rate
        self.at = now
        self.tokens = min(burst, saved)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Limiter:
    """rate_limit.rps/burst for all together; rate_limit.per_key.NAME = requests a second of that client."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.shared = Bucket()
        self.own: dict[str, Bucket] = {}
        self.seen: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()

    def admit(self, key: str) -> bool:
        self.seen[key] += 1
        per_key = self.config.get("rate_limit.per_key") or {}
        if key in per_key:
            rate = float(per_key[key])
            if not self.own.setdefault(key, Bucket()).take(rate, max(1.0, rate)):
                self.rejected[key] += 1
                return False
        rate = self.config.number("rate_limit.rps", 40)
        if not self.shared.take(rate, self.config.number("rate_limit.burst", rate * 1.5)):
            self.rejected[key] += 1
            return False
        return True
