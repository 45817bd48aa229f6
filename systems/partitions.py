"""Time partitions of readings and ticks (by hour) and roll-ups (by day): made ahead, and dropped when they are old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString


@dataclass(frozen=True, slots=True)
class Table:
    """A partitioned table: how long one partition lasts, how many are made ahead, how long they are kept where nothing
    else is set for their `kind` (systems/retention.py)."""

    name: LiteralString
    step: timedelta
    ahead: int
    keep: timedelta
    kind: str

    def start_of(self, at: datetime) -> datetime:
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day + (at - day) // self.step * self.step

    def partition(self, start: datetime) -> str:
        return f"{self.name}_{start:%Y%m%d%H}"


READINGS = Table("systems_reading", timedelta(hours=1), ahead=2, keep=timedelta(hours=6), kind="readings")
ROLLUPS = Table("systems_rollup", timedelta(days=1), ahead=2, keep=timedelta(days=30), kind="rollups")
TICKS = Table("systems_tick", timedelta(hours=1), ahead=2, keep=READINGS.keep, kind="readings")
TABLES = (READINGS, ROLLUPS, TICKS)
LOCK = 7_302_115  # advisory lock: several watchers may do this at the same time


def create_statements(now: datetime, tables: tuple[Table, ...] = TABLES) -> list[str]:
    """SQL that makes the partitions from one step ago to `ahead` steps from `now`; safe to repeat."""
    statements = []
    for table in tables:
        first = table.start_of(now) - table.step
        for index in range(table.ahead + 2):
            start = first + index * table.step
            statements.append(
                f"create table if not exists {table.partition(start)} partition of {table.name} "
                f"for values from ('{start.isoformat()}') to ('{(start + table.step).isoformat()}')"
            )
    return statements


def expired(names: list[str], now: datetime, hours: Mapping[str, int | None] | None = None) -> list[str]:
    """Those of the partition names in `names` that hold only what is older than is kept. `hours`: by kind, as set."""
    old = []
    for table in TABLES:
        given = (hours or {}).get(table.kind)
        keep = table.keep if given is None else timedelta(hours=given)
        limit = table.partition(table.start_of(now - keep))
        old += [n for n in names if n.startswith(f"{table.name}_2") and len(n) == len(limit) and n < limit]
    return old


LIST = """select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
          join pg_class p on p.oid = i.inhparent
          where p.relname in ('systems_reading', 'systems_rollup', 'systems_tick')"""
