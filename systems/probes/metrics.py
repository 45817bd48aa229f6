"""app.*: the numbers and words a service reports about itself."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from typing import Any

from systems.manifest import Service
from systems.probes import web
from systems.probes.base import Clock, Probe, ProbeFailed
from systems.readings import Reading, clean
from systems.services import LoadedSystem

MAX_METRICS = 200


class MetricsProbe(Probe):
    name = "metrics"
    interval_s = 1.0
    timeout_s = 2.5  # the request, and a second opinion on it
    main = ("app.read",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.http = web.client()

    def applies(self, service: Service) -> bool:
        return service.metrics is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.metrics is not None
        answer = await web.fetch(self.http, service.metrics, 1.2)
        if answer.error or answer.status != 200:
            raise ProbeFailed(answer.reason())
        readings = [Reading(service.name, "app.read", 1.0)]
        for name, value in list(_flat(answer.json(), ""))[:MAX_METRICS]:
            metric = "app." + re.sub(r"[^A-Za-z0-9_.]+", "_", name)[:70]
            if isinstance(value, str):
                readings.append(Reading(service.name, metric, 1.0, clean(value, 200)))
            else:
                readings.append(Reading(service.name, metric, value))
        return readings

    async def close(self) -> None:
        await self.http.aclose()


def _flat(item: Any, prefix: str) -> Iterator[tuple[str, float | str | None]]:
    """Names joined with dots; lists are left out, null is unknown."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(item, bool | int | float):
        number = float(item)
        yield prefix, number if math.isfinite(number) else None
    elif isinstance(item, str):
        yield prefix, item
    elif item is None and prefix:
        yield prefix, None
