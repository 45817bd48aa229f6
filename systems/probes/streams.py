"""queue.* of a stream in Redis: one queue for each of its consumer groups, or the one that is named."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio as aioredis
from redis.exceptions import ResponseError

from systems.manifest.types import QueueSpec
from systems.readings import Reading

COUNTED = 300  # entries that are counted where the server does not do so


@dataclass
class Found:
    """`looks`: how many look-ups of ours the server counts as hits."""

    readings: list[Reading] = field(default_factory=list)
    looks: int = 1


async def groups(client: aioredis.Redis, service: str, queue: QueueSpec) -> Found:
    """Of each group: how many entries nobody was given yet, how many are in hand, and the age in seconds of what waits
    longest, in hand or not."""
    found = Found()
    for group in await client.xinfo_groups(queue.name):
        name = _text(group["name"])
        if queue.group not in (None, name):
            continue
        label = queue.name if queue.group else f"{queue.name}/{name}"
        pending = int(group.get("pending", 0))
        idle = 0.0
        if pending:
            found.looks += 1
            oldest = await client.xpending_range(queue.name, name, "-", "+", 1)
            idle = int(oldest[0]["time_since_delivered"]) / 1000 if oldest else 0.0
        lag, text, waits = await _undelivered(client, queue.name, group, found)
        found.readings += [
            Reading(service, "queue.depth", lag, text, label),
            Reading(service, "queue.inflight", float(pending), label=label),
            Reading(service, "queue.oldest_s", round(max(idle, waits), 1), label=label),
        ]
    return found


async def _undelivered(
    client: aioredis.Redis, stream: str, group: dict[str, Any], found: Found
) -> tuple[float | None, str, float]:
    """How many entries no consumer was given yet, what to say of that number, and for how many seconds the first
    of them waits, by its id. Before Redis 7 they are counted here, up to COUNTED."""
    lag = group.get("lag")
    if lag == 0:
        return 0.0, "", 0.0
    number = float(lag) if lag is not None else None
    try:
        after = f"({_text(group['last-delivered-id'])}"
        entries = await client.xrange(stream, after, "+", count=COUNTED if lag is None else 1) or []
    except ResponseError:  # before 6.2
        return number, "", 0.0
    found.looks += 1
    waits = max(0.0, time.time() - _second(entries[0][0])) if entries else 0.0
    if number is not None:
        return number, "", waits
    return float(len(entries)), "or more" if len(entries) == COUNTED else "", waits


def _second(entry: Any) -> float:
    """Of an id that the server made, its time; of one of somebody's own, now."""
    stamp = int(_text(entry).partition("-")[0]) / 1000
    return stamp if stamp > 1e9 else time.time()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
