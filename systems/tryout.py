"""A first look at everything that a manifest declares: what cannot be read is told when the system is registered.

It is activated all the same: what is not reached now is unknown to the watcher until it is.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict

from systems import redact
from systems.declared.tried import try_readings
from systems.manifest import Service
from systems.probes import build_all
from systems.probes.base import Probe
from systems.prom.reader import Look
from systems.readings import Reading, clean
from systems.services import LoadedSystem

WITHIN_S = 2.0
SHOWN, LONGEST = 12, 1500
TARGETS = ("http", "ready", "tcp", "postgres", "redis", "metrics", "prometheus")  # what answers at an address
STORES = ("postgres", "redis")
# ways in which people write the kinds that mean something
OTHER_NAMES = {"postgresql": "postgres", "pg": "postgres", "valkey": "redis", "http-service": "http"}
KINDS = ("http", "proxy", "worker", "jobs", "postgres", "redis", "external")


@dataclass(slots=True)
class Tried:
    """What the first look brought: a line for each target that cannot be read, and what was recognised of metrics
    and answered by declared readings."""

    troubles: list[str] = field(default_factory=list)
    recognised: list[str] = field(default_factory=list)


def try_out(system: LoadedSystem) -> Tried:
    """Every target and every declared reading, asked side by side for at most WITHIN_S in all."""
    return asyncio.run(_all(system))


def misnamed(system: LoadedSystem) -> Iterator[str]:
    """Kinds that are nearly one that is known, and stores that have no section to be asked by."""
    for name, service in system.services.items():
        meant = OTHER_NAMES.get(service.kind.lower()) or next(
            iter(difflib.get_close_matches(service.kind.lower(), KINDS, n=1, cutoff=0.8)), ""
        )
        if service.kind not in KINDS and meant:
            yield f"{name}: kind {service.kind!r} is not known: did you mean {meant!r}?"
        for store in STORES:
            if meant == store and getattr(service, store) is None:
                key = "dsn" if store == "postgres" else "url"
                yield f"{name}: is a {store}, but has no `{store}: {{{key}: ...}}`, so nothing in it is looked at"


async def _all(system: LoadedSystem) -> Tried:
    tried, (answered, troubles) = await asyncio.gather(_try(system), try_readings(system, WITHIN_S))
    tried.recognised += answered
    tried.troubles += troubles
    return tried


async def _try(system: LoadedSystem) -> Tried:
    probes = [p for p in build_all(system, time.monotonic) if p.name in TARGETS]
    asked = [
        (p, s, asyncio.ensure_future(p.observe(system, s)))
        for p in probes
        for s in system.services.values()
        if p.applies(s)
    ]
    if not asked:
        return Tried()
    await asyncio.wait([task for *_, task in asked], timeout=WITHIN_S)
    said = [_told(system, probe, service, task) for probe, service, task in asked]
    for *_, task in asked:
        task.cancel()
    await asyncio.gather(*(task for *_, task in asked), return_exceptions=True)
    await asyncio.gather(*(p.close() for p in probes), return_exceptions=True)
    tried = Tried([line for line in said if line])
    hide = redact.for_system(system).text
    for probe in probes:
        for name, look in getattr(probe, "looks", {}).items():
            told = tried.recognised if look.known else tried.troubles
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


def _told(system: LoadedSystem, probe: Probe, service: Service, task: asyncio.Task[list[Reading]]) -> str:
    if service.postgres is not None and probe.name == "postgres" and not _parses(service.postgres.dsn):
        why = "its dsn cannot be taken apart (postgresql://role:password@host:port/database)"
    elif not task.done():
        why = f"no answer in {WITHIN_S:g} s"
    else:
        main = [r for r in task.result() if r.metric in (probe.main[:1] or ("app.read",))]
        if main and main[0].value:
            return ""
        why = next((r.text for r in main or task.result() if r.text), "nothing usable came back")
    return f"{service.name}: {probe.name} cannot be read now, so it is unknown: {redact.for_system(system).text(why)}"


def _parses(dsn: str) -> bool:
    """The parser's own words are not told: they quote what may be a password."""
    try:
        return bool(conninfo_to_dict(dsn))
    except psycopg.Error:
        return False
