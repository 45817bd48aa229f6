"""Limits and how much of them is used, from what the probes read anyway: crossing one is an event with no change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from systems.readings import Reading
from systems.state.facts import Area, Fact, Facts, Read, Source
from systems.state.types import BELOW, NEAR

OVER, UNDER = 90.0, 80.0  # per cent: near its limit, and well below it again
LOOKS = 2  # so many readings in a row
PAIRS = {
    "disk.used_pct": "disk space",
    "disk.inodes_pct": "files of the disk",
    "pg.connections_pct": "connections",
    "redis.used_pct": "memory of Redis",
    "proc.rss_limit_pct": "memory",
}
FDS = "proc.fds"


class Uses(Source):
    name = "uses"
    every_s = 1.0

    def __init__(self, fd_limits: Callable[[], Mapping[str, int]] = dict) -> None:
        self.fd_limits = fd_limits
        self._levels: dict[tuple[Area, str], bool] = {}
        self._over: dict[tuple[Area, str], int] = {}
        self._read: Read = {}

    def feed(self, readings: Iterable[Reading]) -> None:
        """The readings of a tick. One that is unknown leaves things as they are."""
        for reading in readings:
            if reading.value is None:
                continue
            if reading.metric == FDS:
                limit = self.fd_limits().get(reading.service)
                if limit:
                    share = 100 * reading.value / limit
                    self._note(reading.service, "open files", share)
            elif name := PAIRS.get(reading.metric):
                self._note(
                    reading.service, f"{name} ({reading.label})" if reading.label else name, reading.value
                )

    def _note(self, component: str, what: str, share: float) -> None:
        area = component, "use"
        key = area, what
        over = self._levels.get(key)
        self._over[key] = self._over.get(key, 0) + 1 if share >= OVER else 0
        if over is None and 0 < self._over[key] < LOOKS:
            return
        now = self._over[key] >= LOOKS if not over else share >= UNDER
        if now != over:
            self._levels[key] = now
            facts: Facts = dict(self._read.get(area, {}))
            facts[what] = Fact(NEAR if now else BELOW, "crossing")
            self._read[area] = facts

    async def read(self) -> Read:
        return dict(self._read)
