"""http.*: does the service answer, with what, how fast, and by which clock."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from systems.manifest import Service
from systems.manifest.base import meets
from systems.probes import web
from systems.probes.base import Clock, Probe
from systems.readings import Reading, clean
from systems.services import LoadedSystem


class HttpProbe(Probe):
    name = "http"
    interval_s = 1.0
    timeout_s = 12.0  # the service's own timeout_s applies first
    main = ("http.ok",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.http = web.client()

    def applies(self, service: Service) -> bool:
        return service.http is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.http is not None
        spec = service.http
        answer = await web.ask(self.http, system, spec, spec.url, min(spec.timeout_s, 10.0))
        readings = http_readings(service.name, answer, spec.expect)
        if service.kind == "external":
            readings.append(Reading(service.name, "external.ok", readings[0].value, readings[0].text))
        return readings

    async def close(self) -> None:
        await self.http.aclose()


def http_readings(service: str, answer: web.Answer, expect: list[str]) -> list[Reading]:
    """The http.* readings of one answer. Status and latency are unknown when nothing came back."""
    ok = not answer.error and meets(answer.status, expect)
    text = "" if ok else clean(answer.reason())
    readings = [
        Reading(service, "http.ok", float(ok), text),
        Reading(service, "http.status", float(answer.status) if not answer.error else None, text),
        Reading(service, "http.latency_ms", round(answer.latency_ms, 2) if not answer.error else None, text),
    ]
    skew = _skew(answer)
    if skew is not None:
        readings.append(Reading(service, "http.date_skew_s", skew))
    return readings


def _skew(answer: web.Answer) -> float | None:
    """How far the Date header is ahead of our clock, in whole seconds; differences under 2 s are rounding."""
    stamp = answer.headers.get("date")
    if not stamp:
        return None
    try:
        ahead = parsedate_to_datetime(stamp).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return 0.0 if abs(ahead) < 2 else float(round(ahead))
