"""Writes ticks to the database: one statement, one round trip, the readings and the tick itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connections
from psycopg import sql

from systems import frames, partitions
from systems.readings import LABEL_LIMIT, TEXT_LIMIT, Reading

log = logging.getLogger(__name__)

REPEAT_S = 15.0  # an unchanged reading is stored again after this time only
# plotted or counted as they come, so every one is stored
EVERY = ("journey.", "http.", "tcp.", "queue.", "own.", "log.template", "log.new_template")
HOUSEKEEPING_S = 300.0

_WRITE = """
with new_readings as (
  insert into systems_reading (system_id, at, service, metric, label, value, text)
  select %(system)s, %(at)s, service, metric, label, value, text
  from unnest(%(services)s::text[], %(metrics)s::text[], %(labels)s::text[], %(values)s::float8[], %(texts)s::text[])
    as t(service, metric, label, value, text)
), new_tick as (
  insert into systems_tick (system_id, at, mini, starved, readings)
  values (%(system)s, %(at)s, %(mini)s, %(starved)s, %(packed)s)
)
update systems_system set last_tick_at = %(at)s, last_tick_ms = coalesce(%(ms)s, last_tick_ms) where id = %(system)s
"""
_ROLL_UP = """
insert into systems_rollup as r (system_id, minute, service, metric, label, count, mean, low, high)
select %(system)s, %(minute)s, * from unnest(%(services)s::text[], %(metrics)s::text[], %(labels)s::text[],
  %(counts)s::int[], %(means)s::float8[], %(lows)s::float8[], %(highs)s::float8[])
on conflict (system_id, metric, service, label, minute) do update set
  mean = (r.mean * r.count + excluded.mean * excluded.count) / (r.count + excluded.count),
  count = r.count + excluded.count, low = least(r.low, excluded.low), high = greatest(r.high, excluded.high)
"""

_KEPT = "select kind, hours from systems_retention where hours is not null"

Key = tuple[str, str, str]


@dataclass(slots=True)
class Batch:
    """What one tick leaves behind. `ms`: how long the tick took, None for a mini-tick."""

    system_id: int
    at: datetime
    readings: list[Reading]
    ms: float | None = None
    mini: bool = False
    starved: bool = False


@dataclass(slots=True)
class _Minute:
    """One metric in one minute."""

    count: int = 0
    total: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.low = min(self.low, value)
        self.high = max(self.high, value)


class Store:
    """One kept connection to the portal's database. `write` raises psycopg.Error when it is away."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._stored: dict[tuple[int, Key], tuple[float | None, str, datetime]] = {}
        self._minutes: dict[int, tuple[datetime, dict[Key, _Minute]]] = {}
        self._housekept = -1e9

    async def write(self, batch: Batch) -> None:
        """Store a batch; roll up the minute before when a new one has begun."""
        connection = await self._connected()
        if time.monotonic() - self._housekept > HOUSEKEEPING_S:
            await self._keep_house(connection)
        rows = [r for r in batch.readings if self._is_news(batch, r)]
        try:
            await connection.execute(_WRITE, _write_params(batch, rows))
        except psycopg.errors.CheckViolation:  # no partition for this time
            await self._keep_house(connection)
            await connection.execute(_WRITE, _write_params(batch, rows))
        for row in rows:
            self._stored[batch.system_id, (row.service, row.metric, row.label)] = (
                row.value,
                row.text,
                batch.at,
            )
        await self._roll_up(connection, batch)

    async def close(self) -> None:
        """Write the open minutes and disconnect."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            for system_id, (minute, series) in self._minutes.items():
                await connection.execute(_ROLL_UP, _rollup_params(system_id, minute, series))
            self._minutes.clear()
        except psycopg.Error as error:
            log.warning("the last minute was not rolled up: %s", error)
        await connection.close()

    async def _connected(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            params = dict(connections["default"].get_connection_params())
            params = {
                k: v for k, v in params.items() if k not in ("cursor_factory", "context", "prepare_threshold")
            }
            params |= {"connect_timeout": 3, "application_name": "watcher"}
            params["options"] = "-c synchronous_commit=off -c statement_timeout=5000"
            self._connection = await psycopg.AsyncConnection.connect(**params, autocommit=True)
        return self._connection

    async def _keep_house(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        """Make partitions ahead and drop the old ones."""
        now = self._now()
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(%s)", [partitions.LOCK])
            for statement in partitions.create_statements(now):
                await connection.execute(statement.encode())
            names = [row[0] for row in await (await connection.execute(partitions.LIST)).fetchall()]
            hours = dict(await (await connection.execute(_KEPT)).fetchall())
            for name in partitions.expired(names, now, hours):
                await connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(name)))
        self._housekept = time.monotonic()
        self._stored = {k: v for k, v in self._stored.items() if now - v[2] < timedelta(hours=1)}

    def _is_news(self, batch: Batch, reading: Reading) -> bool:
        """Whether a reading differs from what was stored last, or that is a while ago."""
        if reading.metric.startswith(EVERY):
            return True
        last = self._stored.get((batch.system_id, (reading.service, reading.metric, reading.label)))
        if last is None or last[0] != reading.value or last[1] != reading.text:
            return True
        return (batch.at - last[2]).total_seconds() >= REPEAT_S

    async def _roll_up(self, connection: psycopg.AsyncConnection[tuple[Any, ...]], batch: Batch) -> None:
        minute = batch.at.replace(second=0, microsecond=0)
        known = self._minutes.get(batch.system_id)
        if known is not None and known[0] != minute:
            try:
                await connection.execute(_ROLL_UP, _rollup_params(batch.system_id, *known))
            except psycopg.DataError:  # it would be refused for ever, and nothing after it be stored
                log.exception("the minute %s was not rolled up", known[0])
        if known is None or known[0] != minute:
            known = self._minutes[batch.system_id] = (minute, {})
        for reading in batch.readings:
            if reading.value is not None:
                one = known[1].setdefault((reading.service, reading.metric, reading.label), _Minute())
                one.add(float(reading.value))  # an int among floats would be refused, with all of the minute


def _write_params(batch: Batch, rows: list[Reading]) -> dict[str, Any]:
    return {
        "system": batch.system_id,
        "at": batch.at,
        "ms": batch.ms,
        "mini": batch.mini,
        "starved": batch.starved,
        "packed": frames.pack(batch.readings),
        "services": _array(r.service[:80] for r in rows),
        "metrics": _array(r.metric[:80] for r in rows),
        "labels": _array(_storable(r.label, LABEL_LIMIT) for r in rows),
        "values": _numbers(r.value for r in rows),
        "texts": _array(_storable(r.text, TEXT_LIMIT) for r in rows),
    }


def _storable(text: str, limit: int) -> str:
    """Postgres takes neither NUL nor lone surrogates."""
    return text[:limit].replace("\0", "").encode(errors="replace").decode() if text else text


def _array(texts: Iterable[str]) -> str:
    """A text[] as Postgres writes it: made at once, where an item at a time costs the most of a large tick."""
    quoted = (t.replace("\\", "\\\\").replace('"', '\\"') if "\\" in t or '"' in t else t for t in texts)
    return '{"' + '","'.join(found) + '"}' if (found := list(quoted)) else "{}"


def _numbers(values: Iterable[float | None]) -> str:
    """A float8[] as Postgres writes it; an int among them, as of a count, is a float there."""
    return "{" + ",".join("NULL" if v is None else repr(float(v)) for v in values) + "}"


def _rollup_params(system_id: int, minute: datetime, series: dict[Key, _Minute]) -> dict[str, Any]:
    return {
        "system": system_id,
        "minute": minute,
        "services": _array(k[0][:80] for k in series),
        "metrics": _array(k[1][:80] for k in series),
        "labels": _array(_storable(k[2], LABEL_LIMIT) for k in series),
        "counts": [m.count for m in series.values()],
        "means": _numbers(m.total / m.count for m in series.values()),
        "lows": _numbers(m.low for m in series.values()),
        "highs": _numbers(m.high for m in series.values()),
    }
