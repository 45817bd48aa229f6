"""Asking a thing itself, past whatever stands in front of it."""

from __future__ import annotations

import asyncio

from systems.manifest import Service
from systems.manifest.base import meets
from systems.manifest.types import FallbackSpec
from systems.probes import web
from systems.probes.links import greeting, round_trip
from systems.readings import Reading, clean
from systems.services import LoadedSystem

PATIENCE_S = 3.0


async def direct_http(system: LoadedSystem, service: Service) -> list[Reading]:
    """check.direct_http: does the service answer on its own address, its own readiness included where it has one."""
    specs = [spec for spec in (service.http, service.ready) if spec is not None]
    if not specs:
        return [Reading(service.name, "check.direct_http", None, "it has no HTTP address")]
    async with web.client() as http:
        answers = await asyncio.gather(*(web.ask(http, system, s, s.url, PATIENCE_S) for s in specs))
    bad = [
        answer.reason()
        for answer, spec in zip(answers, specs, strict=True)
        if answer.error or not meets(answer.status, spec.expect)
    ]
    slowest = max(answer.latency_ms for answer in answers)
    text = "; ".join(bad) if bad else f"{slowest:.0f} ms"
    return [Reading(service.name, "check.direct_http", float(not bad), clean(text, 200))]


async def link_direct(system: LoadedSystem, service: Service) -> list[Reading]:
    """check.link_direct{label=link}: do the far ends answer when the link is left out. For the service that carries
    links, and for the source or target of one."""
    links = [
        link
        for link in system.manifest.links
        if link.direct and service.name in (link.service, link.source, link.target)
    ]
    if not links:
        return [Reading(service.name, "check.link_direct", None, "no link with a direct address concerns it")]
    hellos = [greeting(system.service(link.target)) for link in links]
    found = await asyncio.gather(
        *(round_trip(link.direct or "", hello, PATIENCE_S) for link, hello in zip(links, hellos, strict=True))
    )
    return [
        Reading(service.name, "check.link_direct", float(not bad), bad or f"{spent:.1f} ms", link.name)
        for link, (spent, bad) in zip(links, found, strict=True)
    ]


async def external_fallback(system: LoadedSystem, service: Service) -> list[Reading]:
    """check.external_fallback: does the declared fallback of this outside service answer."""
    spec = service.fallback or _declared_for(system, service)
    if spec is None:
        return [Reading(service.name, "check.external_fallback", None, "no fallback is declared for it")]
    target = system.service(spec.service)
    found = (await direct_http(system, target))[0]
    return [Reading(service.name, "check.external_fallback", found.value, found.text, target.name)]


def _declared_for(system: LoadedSystem, service: Service) -> FallbackSpec | None:
    """The fallback rule that lists this service as a consumer."""
    rules = (s.fallback for s in system.services.values() if s.fallback is not None)
    return next((rule for rule in rules if service.name in rule.consumers), None)
