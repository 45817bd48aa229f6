"""Clocks: whose is off, judged by the majority, with ours as one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from statistics import median

from psycopg import Error

from systems.manifest import Service
from systems.probes import pgshare, web
from systems.probes.base import ProbeFailed
from systems.services import LoadedSystem
from systems.state.facts import Fact, Read, Source

OFF_S = 2.5  # a Date header has whole seconds, and the way there takes its time
PATIENCE_S = 1.5
OURS = "the portal"


class Clocks(Source):
    name = "clocks"
    every_s = 8.0
    timeout_s = 6.0
    slow_s = 2.0

    def __init__(self, system: LoadedSystem, now: Callable[[], float] = time.time) -> None:
        self.system = system
        self.services = [s for s in system.services.values() if s.postgres or s.http]
        self.now = now
        self._http = web.client()

    async def read(self) -> Read:
        asked = await asyncio.gather(*map(self._offset, self.services), return_exceptions=True)
        offsets = {
            service.name: found
            for service, found in zip(self.services, asked, strict=True)
            if isinstance(found, float)
        }
        if not offsets:
            raise ProbeFailed("no clock could be read")
        right = median([0.0, *offsets.values()]) if len(offsets) >= 2 else 0.0
        return {
            (name, "clock"): {"clock": Fact(_words(offset - right), "clock")}
            for name, offset in {**offsets, OURS: 0.0}.items()
        }

    async def _offset(self, service: Service) -> float | None:
        """Seconds its clock is before ours. None: it does not tell."""
        sent = self.now()
        if service.postgres is not None:
            try:
                async with pgshare.session(service.postgres.dsn, self) as connection:
                    sent = self.now()
                    asked = await connection.execute(
                        "select extract(epoch from clock_timestamp())::float8 as at"
                    )
                    row = await asked.fetchone()
            except Error:
                return None
            return float(row["at"]) - (sent + self.now()) / 2 if row else None
        assert service.http is not None
        answer = await web.ask(self._http, self.system, service.http, service.http.url, PATIENCE_S)
        told = answer.headers.get("Date")
        if answer.error or not told:
            return None
        return parsedate_to_datetime(told).timestamp() + 0.5 - (sent + self.now()) / 2

    async def close(self) -> None:
        await pgshare.leave(self)
        await self._http.aclose()


def _words(seconds: float) -> str:
    """In steps, so that a clock that is off and steady is one value."""
    if abs(seconds) < OFF_S:
        return "in step"
    step = 5.0
    while abs(seconds) > step * 12:
        step *= 4
    rounded = max(step, round(abs(seconds) / step) * step)
    return f"about {rounded:g} s {'ahead' if seconds > 0 else 'behind'}"
