"""A first look at everything that a manifest declares: what cannot be read is told when the system is registered.

It is activated all the same: what is not reached now is unknown to the watcher until it is. A check looks longer, and
at everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from systems import redact
from systems.declared.tried import try_readings
from systems.manifest import Service
from systems.probes import PROBES, build_all
from systems.probes.base import Probe
from systems.probes.declared import DeclaredProbe
from systems.probes.journeys import JourneyProbe
from systems.prom.reader import Look
from systems.readings import Reading, clean
from systems.services import LoadedSystem

WITHIN_S = 2.0
LONG_S = 10.0
SHOWN, LONGEST = 12, 1500
TARGETS = ("http", "ready", "tcp", "postgres", "redis", "metrics", "prometheus")  # what answers at an address
STORES = ("postgres", "redis")
SAYS = {
    "config": "config.valid",
    "env": "env.valid",
}  # where the first of a probe's main readings does not say it


@dataclass(slots=True)
class Tried:
    """What the first look brought: how many looks, a line for each target that cannot be read, what was recognised of
    metrics and answered by declared readings, and where nothing was recognised."""

    looks: int = 0
    troubles: list[str] = field(default_factory=list)
    recognised: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def try_out(system: LoadedSystem) -> Tried:
    """Every target and every declared reading, asked side by side for at most WITHIN_S in all."""
    return asyncio.run(_all(system, TARGETS, WITHIN_S))


def try_all(system: LoadedSystem) -> Tried:
    """Every probe and every declared reading once, files, units, journeys and certificates among them; for at most
    LONG_S in all."""
    return asyncio.run(_all(system, PROBES.keys() - {DeclaredProbe.name}, LONG_S))


def misnamed(system: LoadedSystem) -> Iterator[str]:
    """Stores that have no section to be asked by."""
    for name, service in system.services.items():
        for store in STORES:
            if service.kind == store and getattr(service, store) is None:
                key = "dsn" if store == "postgres" else "url"
                yield f"{name}: is a {store}, but has no `{store}: {{{key}: ...}}`, so nothing in it is looked at"


async def _all(system: LoadedSystem, names: Collection[str], within_s: float) -> Tried:
    tried, (answered, troubles) = await asyncio.gather(
        _try(system, names, within_s), try_readings(system, within_s)
    )
    tried.looks += len(answered) + len(troubles)
    tried.recognised += answered
    tried.troubles += troubles
    return tried


async def _try(system: LoadedSystem, names: Collection[str], within_s: float) -> Tried:
    probes = [p for p in build_all(system, time.monotonic) if p.name in names]
    asked = [
        (p, s, asyncio.ensure_future(p.observe(system, s)))
        for p in probes
        for s in system.services.values()
        if p.applies(s)
    ]
    if not asked:
        return Tried()
    await asyncio.wait([task for *_, task in asked], timeout=within_s)
    said = [_told(system, probe, service, task, within_s) for probe, service, task in asked]
    for *_, task in asked:
        task.cancel()
    await asyncio.gather(*(task for *_, task in asked), return_exceptions=True)
    await asyncio.gather(*(p.close() for p in probes), return_exceptions=True)
    tried = Tried(len(asked), [line for line in said if line])
    hide = redact.for_system(system).text
    for probe in probes:
        for name, look in getattr(probe, "looks", {}).items():
            told = tried.recognised if look.known else tried.doubts
            told.append(hide(clean(f"{name}: {_recognised(probe.name, look)}", LONGEST)))
    return tried


def _recognised(probe: str, look: Look) -> str:
    """Names, as many as can be read by a person."""
    words = f"{probe} recognised: {_some(look.known)}"
    if not look.known:
        words = f"nothing of its {probe} is recognised"
    if look.unknown:
        words += f"; not recognised, so not looked at: {_some(look.unknown)}"
    return words + (f"; {look.broken} lines cannot be read" if look.broken else "")


def _some(names: set[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(sorted(names)[:SHOWN]) or 'none'}{more}"


def _told(
    system: LoadedSystem, probe: Probe, service: Service, task: asyncio.Task[list[Reading]], within_s: float
) -> str:
    if service.postgres is not None and probe.name == "postgres" and not _parses(service.postgres.dsn):
        why = "its dsn cannot be taken apart (postgresql://role:password@host:port/database)"
    elif not task.done():
        why = f"no answer in {within_s:g} s"
    else:
        main = [r for r in task.result() if r.metric == SAYS.get(probe.name, probe.main[0])]
        bad = [r for r in main if _is_bad(r)]
        if not bad and (main or probe.name not in TARGETS):
            return ""
        why = next((r.text for r in bad or task.result() if r.text), "nothing usable came back")
    why = redact.for_system(system).text(why)
    if isinstance(probe, JourneyProbe) and probe.journey is not None:
        return f"{service.name}: the journey {probe.journey.name!r} does not get through: {why}"
    return f"{service.name}: {probe.name} cannot be read now, so it is unknown: {why}"


def _is_bad(reading: Reading) -> bool:
    """Whether it could not be read. (What is measured as a rate has no value at the first look, and no reason.)"""
    if reading.value is None:
        return bool(reading.text)
    return reading.value == 0 and reading.metric.endswith((".ok", ".read", ".valid"))


def _parses(dsn: str) -> bool:
    """The parser's own words are not told: they quote what may be a password."""
    try:
        return bool(conninfo_to_dict(dsn))
    except psycopg.Error:
        return False
