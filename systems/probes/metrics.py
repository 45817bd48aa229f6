"""app.*: the numbers and words a service reports about itself, as JSON, Prometheus text or OpenMetrics.

Of Prometheus text the names in systems/prom/names.yaml, and those of the manifest's own `names`, become the readings
that signals look at; other names are counted and not guessed at. Of JSON every number is a reading, or what the
manifest's `paths` name.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

from systems import threads
from systems.manifest import Service
from systems.manifest.web import MetricsSpec
from systems.probes import web
from systems.probes.base import Clock, Probe, ProbeFailed
from systems.probes.journeys import dig
from systems.prom import text as promtext
from systems.prom.reader import Look, Reader, look
from systems.prom.table import bare
from systems.readings import Reading, clean
from systems.services import LoadedSystem

MAX_METRICS = 200
MAX_BODY = 8_000_000
HERE = 200_000  # bytes: more is taken apart in a thread, so that nothing else waits
DEAR_S = 0.3  # a look that takes longer is taken less often
SPARED = 10.0  # times as long as it takes nothing is asked, PAUSE_S at most
PAUSE_S = 10.0
# Plain text first: what OpenMetrics adds (exemplars, times of creation) is not looked at.
ACCEPT = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.8, application/json;q=0.7, */*;q=0.1"


class MetricsProbe(Probe):
    """Asks each service itself. One that answers slowly is asked less often, so that looking is no burden to it."""

    name = "metrics"
    interval_s = 1.0
    timeout_s = 12.0  # the service's own timeout_s applies first
    main = ("app.read",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.http = web.client()
        self._readers: dict[str, Reader] = {}
        self._running: dict[str, Future[list[Reading]]] = {}
        self._not_before: dict[str, float] = {}
        self.looks: dict[str, Look] = {}

    def applies(self, service: Service) -> bool:
        return service.metrics is not None and service.metrics.url is not None

    def every_s(self, service: Service) -> float:
        return (service.metrics.interval_s if service.metrics is not None else None) or self.interval_s

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        spec = service.metrics
        assert spec is not None and spec.url is not None
        started = self.clock()
        if started < self._not_before.get(service.name, started):
            return []
        answer = await web.ask(
            self.http,
            system,
            spec,
            spec.url,
            min(spec.timeout_s, 10.0),
            headers={"Accept": ACCEPT},
            most=MAX_BODY,
        )
        if answer.error or answer.status != 200:
            raise ProbeFailed(answer.reason())
        if answer.cut:
            raise ProbeFailed(
                f"the answer is larger than {MAX_BODY // 1_000_000} MB, so nothing of it is used"
            )
        readings = await self._read(system, service, spec, answer)
        spent = self.clock() - started
        self._not_before[service.name] = (
            self.clock() + min(PAUSE_S, SPARED * spent) if spent > DEAR_S else 0.0
        )
        return readings

    async def _read(
        self, system: LoadedSystem, service: Service, spec: MetricsSpec, answer: web.Answer
    ) -> list[Reading]:
        if len(answer.body) <= HERE:
            return self._taken(service, spec, answer)
        before = self._running.get(service.name)
        if before is not None and not before.done():
            raise TimeoutError("the last answer is still being read")
        job = self._running[service.name] = threads.submit(
            system.slug, self.name, self._taken, service, spec, answer
        )
        return await asyncio.wrap_future(job)

    def _taken(self, service: Service, spec: MetricsSpec, answer: web.Answer) -> list[Reading]:
        body = answer.body.decode(errors="replace")
        if is_prometheus(answer.headers.get("content-type", ""), body):
            if spec.paths:
                raise ProbeFailed("it answers Prometheus text, and `paths` are for JSON: there it is `names`")
            return self._of_text(service, body)
        try:
            data = answer.json()
        except (ValueError, RecursionError):
            raise ProbeFailed(
                f"it answers neither JSON nor Prometheus text: {answer.excerpt(80) or 'nothing'}"
            ) from None
        if spec.names:
            raise ProbeFailed("it answers JSON, and `names` are for Prometheus text: there it is `paths`")
        found = _by_path(service.name, data, spec.paths) if spec.paths else _of_json(service.name, data)
        return [Reading(service.name, "app.read", 1.0), *found]

    def _of_text(self, service: Service, body: str) -> list[Reading]:
        reader = self._readers.get(service.name)
        if reader is None:
            reader = self._readers[service.name] = Reader(service, own_paths(service))
        found = look(body.splitlines(), reader.known)
        reader.take(found.samples, self.clock(), whole=not found.cut)
        self.looks[service.name] = found
        return [Reading(service.name, "app.read", 1.0, _told(service, found)), *reader.readings()]

    async def close(self) -> None:
        await self.http.aclose()


def _told(service: Service, found: Look) -> str:
    """In words what was recognised, and what the manifest names that is not there: it may be spelt otherwise."""
    names = service.metrics.names if service.metrics is not None else []
    missing = [n.name for n in names if bare(n.name) not in found.known]
    return clean(found.text + (f"; named, and not told: {', '.join(missing)}" if missing else ""), 500)


def own_paths(service: Service) -> Iterator[str]:
    """The paths of a service that the watcher itself asks for: no requests of others."""
    urls = [spec.url for spec in (service.http, service.ready, service.metrics) if spec is not None]
    for url in urls:
        path = urlsplit(url or "").path
        if path.strip("/"):  # the front page is asked for by others, too
            yield path


def is_prometheus(content_type: str, body: str) -> bool:
    """Told by the type where that is one of Prometheus' own, else by how the body begins."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/openmetrics-text" or (kind == "text/plain" and "version=0.0.4" in content_type):
        return True
    if kind.endswith(("/json", "+json")) or body.lstrip()[:1] in ("{", "["):
        return False
    return promtext.looks_like(body)


def _of_json(service: str, data: Any) -> Iterator[Reading]:
    for name, value in list(_flat(data, ""))[:MAX_METRICS]:
        yield _reading(service, "app." + re.sub(r"[^A-Za-z0-9_.]+", "_", name)[:70], value)


def _by_path(service: str, data: Any, paths: dict[str, str]) -> Iterator[Reading]:
    """A path that leads nowhere is unknown, and says so."""
    for metric, path in paths.items():
        try:
            found = list(_flat(dig(data, path), ""))
        except (LookupError, TypeError, ValueError):
            found = []
        if len(found) == 1 and not found[0][0]:
            yield _reading(service, metric, found[0][1])
        else:
            yield Reading(service, metric, None, clean(f"there is no single value at {path}", 200))


def _reading(service: str, metric: str, value: float | str | None) -> Reading:
    if isinstance(value, str):
        return Reading(service, metric, 1.0, clean(value, 200))
    return Reading(service, metric, value)


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
