"""Whether the machine's clock is right: as the kernel has been told, and against those of the stores it works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from statistics import median

import psycopg
from redis.exceptions import RedisError

from systems.machine import gauges
from systems.manifest import Service
from systems.probes import pgshare
from systems.probes.redis import connection
from systems.readings import Reading
from systems.services import LoadedSystem

ROUND_S = 0.05  # below this it is the way there


async def readings(host: str, system: LoadedSystem, now: Callable[[], float]) -> list[Reading]:
    """host.clock_synced, and host.clock_offset_s: how many seconds ours is before theirs, the middle one of theirs."""
    found = []
    if (kept := gauges.is_synchronised()) is not None:
        text = "" if kept else "nothing keeps it right, as far as the kernel knows"
        found.append(Reading(host, "host.clock_synced", float(kept), text))
    stores = [s for s in system.services.values() if s.postgres is not None or s.redis is not None]
    asked = await asyncio.gather(*(_ahead(s, now) for s in stores), return_exceptions=True)
    told = {s.name: a for s, a in zip(stores, asked, strict=True) if isinstance(a, float)}
    if told:
        offset = median(told.values())
        value = 0.0 if abs(offset) < ROUND_S else round(offset, 2)
        found.append(Reading(host, "host.clock_offset_s", value, f"against {', '.join(sorted(told)[:4])}"))
    return found


async def _ahead(service: Service, now: Callable[[], float]) -> float | None:
    """Seconds that our clock is before that of this store; None where it does not tell."""
    try:
        return await (_postgres(service, now) if service.postgres is not None else _redis(service, now))
    except (psycopg.Error, RedisError, OSError):
        return None


async def _postgres(service: Service, now: Callable[[], float]) -> float | None:
    assert service.postgres is not None
    user = object()
    try:
        async with pgshare.session(service.postgres.dsn, user) as session:
            sent = now()
            asked = await session.execute("select extract(epoch from clock_timestamp())::float8 as at")
            row = await asked.fetchone()
            return (sent + now()) / 2 - float(row["at"]) if row else None
    finally:
        await pgshare.leave(user)


async def _redis(service: Service, now: Callable[[], float]) -> float:
    client = connection(service, most=1)
    try:
        await client.ping()  # the way there is not part of it
        sent = now()
        seconds, micros = await client.time()
        return (sent + now()) / 2 - (seconds + micros / 1e6)
    finally:
        await client.aclose()
