"""Token buckets: one shared by all clients, and one for each client that was given a limit of its own. And, when more
people come than can be served, a waiting room: those who were here before go in, newcomers a few at a time."""

from __future__ import annotations

import time
from collections import Counter
from typing import Literal

from ..kit.config import Config

Ruling = Literal["in", "limit", "wait"]
KNOWN_S = 300  # who has been here for so long is no newcomer, nor who was here before the rush began
LOOK_S = 5  # seconds over which it is told how many come
EMPTY_S = 60.0  # with nobody waiting for so long the waiting room closes by itself
MOST_KEYS = 20_000


class Bucket:
    """`rate` tokens a second, at most `burst` saved up."""

    def __init__(self) -> None:
        self.tokens: float | None = None
        self.at = time.monotonic()

    def is_half_full(self, rate: float, burst: float) -> bool:
        """Whether more is saved up than those who come now need."""
        if self.tokens is None:
            return True
        return min(burst, self.tokens + (time.monotonic() - self.at) * rate) >= burst / 2

    def take(self, rate: float, burst: float) -> bool:
        now = time.monotonic()
        saved = burst if self.tokens is None else self.tokens + (now - self.at) * rate
        self.at = now
        self.tokens = min(burst, saved)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Room:
    """The waiting room. `rate_limit.newcomers_rps`: how many of them go in each second at most while it is open, and
    only where those who were here before leave room."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.arrived: Counter[int] = Counter()  # by the second
        self.first: dict[str, float] = {}
        self.known: frozenset[str] | None = None  # None: everybody goes in
        self.bucket = Bucket()
        self.waited_at = 0.0

    @property
    def mode(self) -> str:
        return "open" if self.known is None else "shed"

    def set(self, mode: str) -> None:
        """shed: from now on newcomers wait; open: nobody does."""
        now = time.monotonic()
        here = self._rush_began(int(now))
        self.known = frozenset(k for k, at in self.first.items() if at <= here) if mode == "shed" else None
        self.bucket, self.waited_at = Bucket(), now

    def _rush_began(self, now: int) -> float:
        """When less than half as many came as do now, for the last time; KNOWN_S ago where there is none."""

        def came(until: int) -> int:
            return sum(self.arrived[second] for second in range(until - LOOK_S, until))

        many = came(now)
        quiet = (at - LOOK_S for at in range(now - 1, now - KNOWN_S, -1) if came(at) < many / 2)
        return float(next(quiet, now - KNOWN_S))

    def waits(self, key: str, *, has_room: bool) -> bool:
        now = time.monotonic()
        self.arrived[int(now)] += 1
        if len(self.arrived) > 2 * KNOWN_S:
            self.arrived = Counter({s: n for s, n in self.arrived.items() if s > now - KNOWN_S - LOOK_S})
        if len(self.first) < MOST_KEYS:
            self.first.setdefault(key, now)
        if self.known is None or key in self.known:
            return False
        if now - self.waited_at > EMPTY_S:
            self.set("open")
            return False
        rate = self.config.number("rate_limit.newcomers_rps", 8)
        if has_room and self.bucket.take(rate, rate):
            return False
        self.waited_at = now
        return True


class Limiter:
    """rate_limit.rps/burst for all together; rate_limit.per_key.NAME = requests a second of that client."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.room = Room(config)
        self.shared = Bucket()
        self.own: dict[str, Bucket] = {}
        self.seen: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()

    def admit(self, key: str) -> Ruling:
        self.seen[key] += 1
        rate = self.config.number("rate_limit.rps", 40)
        burst = self.config.number("rate_limit.burst", rate * 1.5)
        if self.room.waits(key, has_room=self.shared.is_half_full(rate, burst)):
            return "wait"
        per_key = self.config.get("rate_limit.per_key") or {}
        if key in per_key:
            own = float(per_key[key])
            if not self.own.setdefault(key, Bucket()).take(own, max(1.0, own)):
                self.rejected[key] += 1
                return "limit"
        if not self.shared.take(rate, burst):
            self.rejected[key] += 1
            return "limit"
        return "in"
