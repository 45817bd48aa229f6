"""Ticks kept whole: what judged them live can judge them again.

`systems_reading` leaves out what did not change, and does not say which readings came together; a signal that must hold
for three looks needs both. So each tick is also kept as one packed row, as long as the readings are.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from systems.readings import TEXT_LIMIT, Reading

LEVEL = 1  # a tick of a dozen services packs in about a millisecond
MOST_BYTES = 50_000_000  # of one tick unpacked; no tick comes near


@dataclass(frozen=True, slots=True)
class Frame:
    """One tick as the watcher handed it on. `mini` and `starved` as in `systems.ticks.Tick`."""

    at: datetime
    readings: list[Reading]
    mini: bool = False
    starved: bool = False


def pack(readings: Sequence[Reading]) -> bytes:
    """The readings in their order, small. Their texts are redacted already: by the watcher, as they came in."""
    rows = [[r.service, r.metric, r.value, r.text[:TEXT_LIMIT], r.label] for r in readings]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), LEVEL)


def unpack(packed: bytes, wanted: Callable[[str], bool] | None = None) -> list[Reading]:
    """The readings; of those whose metric is `wanted` only, which is quicker."""
    text = zlib.decompressobj().decompress(packed, MOST_BYTES)
    return [Reading(*row) for row in json.loads(text) if wanted is None or wanted(row[1])]


def oldest(system_id: int, since: datetime) -> datetime | None:
    """The first tick of a system that is kept from `since` on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select min(at) from systems_tick where system_id = %s and at >= %s", [system_id, since]
        )
        found: datetime | None = cursor.fetchone()[0]
        return found


def between(
    system_id: int, since: datetime, until: datetime, wanted: Callable[[str], bool] | None = None
) -> Iterator[Frame]:
    """The ticks of a system from `since` to `until`, in order; none from before the readings' retention. `wanted`: the
    metrics that are of interest."""
    sql = """select at, mini, starved, readings from systems_tick
             where system_id = %s and at >= %s and at <= %s order by at"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [system_id, since, until])
        for at, mini, starved, packed in cursor:
            yield Frame(at, unpack(bytes(packed), wanted), mini, starved)
