"""app.* and more of services that a Prometheus scrapes: their raw samples, counted here as if they had been asked.

One question a service, for the samples of the last scrapes: so restarts, new series and what came late are seen as they
are, with their own times. What was not scraped lately is missing, never zero.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

from systems.manifest import Service
from systems.probes import web
from systems.probes.base import Clock, Probe, ProbeFailed
from systems.probes.metrics import own_paths
from systems.prom import api
from systems.prom.reader import Look, Reader, family
from systems.readings import Reading, clean
from systems.services import LoadedSystem

MAX_BODY = 8_000_000
WINDOW_S = 90.0  # looked back; more where scrapes are further apart
STALE_S = 45.0  # at least; and three scrapes
FIRST_S = 120.0  # as long as it is not known how far apart they are


class Unscraped(ProbeFailed):
    """None of the replicas is scraped: that is known of them, and nothing else. `up`: the readings that say so."""

    def __init__(self, up: list[Reading]) -> None:
        super().__init__("Prometheus cannot scrape it (up is 0)")
        self.up = up


class PrometheusProbe(Probe):
    """Asks the Prometheus of the manifest for the services that have `promql` or `queries`."""

    name = "prometheus"
    interval_s = 5.0
    timeout_s = 12.0  # the manifest's timeout_s applies first
    main = ("app.read",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.http = web.client()
        self._readers: dict[str, Reader] = {}
        self.looks: dict[str, Look] = {}

    def applies(self, service: Service) -> bool:
        return service.metrics is not None and bool(service.metrics.promql or service.metrics.queries)

    def every_s(self, service: Service) -> float:
        return (service.metrics.interval_s if service.metrics is not None else None) or self.interval_s

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        spec = service.metrics
        assert spec is not None
        asked = [self._query(system, service.name, metric, text) for metric, text in spec.queries.items()]
        found = list(await asyncio.gather(*asked))
        declared = {r.metric for r in found}
        text = f"{sum(r.value is not None for r in found)} of {len(found)} queries answered" if found else ""
        if spec.promql:
            try:
                scraped, words = await self._scraped(system, service)
            except Unscraped as none:
                return [*none.up, *self.unknown(service, str(none), known=("app.up",))]
            found += [r for r in scraped if r.metric not in declared]
            text = "; ".join(filter(None, (words, text)))
        return [Reading(service.name, "app.read", 1.0, text), *found]

    async def _query(self, system: LoadedSystem, service: str, metric: str, text: str) -> Reading:
        value, why = api.value((await self._ask(system, text))[0])
        return Reading(service, metric, value, clean(why, 200))

    async def _scraped(self, system: LoadedSystem, service: Service) -> tuple[list[Reading], str]:
        assert service.metrics is not None
        reader = self._readers.get(service.name)
        if reader is None:
            reader = self._readers[service.name] = Reader(service, own_paths(service))
        gap = max((s.gap_s for s in reader.sources.values()), default=0.0)
        query = api.selector(service.metrics.promql, max(WINDOW_S, 4 * gap), reader.known)
        rows, now = await self._ask(system, query)
        scrapes = api.scrapes(rows)
        up = [
            Reading(service.name, "app.up", value, label=replica)
            for replica, (_, value) in sorted(scrapes.up.items())[:30]
        ]
        if up and not any(r.value for r in up):  # its figures are of before: what is known of it is just this
            raise Unscraped(up)
        self._feed(reader, scrapes)
        gap = max((s.gap_s for s in reader.sources.values()), default=0.0)
        late = max(STALE_S, 3 * gap) if gap else FIRST_S
        _check_fresh(scrapes, now, late, api.plain(query))
        reader.drop_gone(now, late)
        known = {
            family(s.name, reader.known)
            for scrape in scrapes.by_replica.values()
            for some in scrape.values()
            for s in some
        }
        self.looks[service.name] = Look(known=known)
        words = f"{len(known)} metrics recognised, of {len(reader.sources)} replicas"
        return [*up, *reader.readings()], words + (
            "; too many samples, some are left out" if scrapes.cut else ""
        )

    def _feed(self, reader: Reader, scrapes: api.Scrapes) -> None:
        for replica, by_time in scrapes.by_replica.items():
            source = reader.sources.get(replica)
            fed = source.seen_at if source is not None else None
            for at in sorted(by_time):
                if fed is None or at > fed:
                    reader.take(by_time[at], at, replica=replica, whole=not scrapes.cut)

    async def _ask(self, system: LoadedSystem, query: str) -> tuple[list[object], float]:
        """(rows, epoch seconds by the clock of what answers)."""
        spec = system.manifest.prometheus
        if spec is None:
            raise ProbeFailed("the manifest names no Prometheus")
        answer = await web.ask(
            self.http,
            system,
            spec,
            spec.url.rstrip("/") + "/api/v1/query",
            min(spec.timeout_s, 10.0),
            method="POST",
            form={"query": query, "timeout": f"{min(spec.timeout_s, 10.0):g}s"},
            most=MAX_BODY,
        )
        if answer.error:
            raise ProbeFailed(f"Prometheus: {answer.error}")
        if answer.cut:
            raise ProbeFailed(
                f"the answer is larger than {MAX_BODY // 1_000_000} MB: narrow the labels of `promql`"
            )
        if answer.status != 200 and not answer.body.lstrip().startswith(b"{"):
            raise ProbeFailed(f"Prometheus: {answer.reason()}")
        return api.result(answer.body), _date(answer)

    async def close(self) -> None:
        await self.http.aclose()


def _date(answer: web.Answer) -> float:
    """Its own clock, where it says: how old a sample is must not depend on ours."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return time.time()


def _check_fresh(scrapes: api.Scrapes, now: float, late_s: float, query: str) -> None:
    """ProbeFailed when what there is, is old: it says nothing of now."""
    newest = scrapes.newest
    if newest is None:
        raise ProbeFailed(clean(f"Prometheus has no known series for {query}", 200))
    if now - newest > late_s:
        raise ProbeFailed(f"the last scrape is {now - newest:.0f} s old")
