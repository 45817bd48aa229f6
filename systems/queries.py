"""Questions to the stored readings: for pages, evidence and postmortems."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from systems import retention
from systems.models import System
from systems.readings import Reading
from systems.services import LoadedSystem
from systems.store import REPEAT_S

AnySystem = System | LoadedSystem | int
Point = tuple[datetime, float | None]


def _id(system: AnySystem) -> int:
    if isinstance(system, int):
        return system
    found = system.pk if isinstance(system, System) else system.id
    if found is None:
        raise ValueError(f"{system} is not registered")
    return int(found)


def series(
    system: AnySystem,
    service: str,
    metric: str,
    label: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    max_points: int = 300,
) -> list[Point]:
    """(time, mean value) in order, at most `max_points`; None where the source could not be read.

    The last hour by default. From before the raw readings' retention, minutes of the roll-up."""
    until = until or timezone.now()
    since = since or until - timedelta(hours=1)
    step = max(1.0, (until - since).total_seconds() / max(1, max_points))
    kept = retention.span(retention.READINGS)
    raw = kept is None or since > timezone.now() - kept
    table, at, value = ("systems_reading", "at", "value") if raw else ("systems_rollup", "minute", "mean")
    # the names come from the line above, not from a caller
    sql = f"""select min({at}), avg({value}) from {table}
              where system_id = %s and metric = %s and service = %s and label = %s and {at} >= %s and {at} <= %s
              group by floor(extract(epoch from {at}) / %s) order by 1"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [_id(system), metric, service, label, since, until, step])
        return [(row[0], row[1]) for row in cursor.fetchall()]


def latest(system: AnySystem, at: datetime | None = None) -> dict[tuple[str, str, str], Reading]:
    """(service, metric, label) -> the last reading before `at` (default: now). What was not read lately is absent."""
    at = at or timezone.now()
    sql = """select distinct on (service, metric, label) service, metric, value, text, label
             from systems_reading where system_id = %s and at > %s and at <= %s
             order by service, metric, label, at desc"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [_id(system), at - timedelta(seconds=2 * REPEAT_S), at])
        return {(row[0], row[1], row[4]): Reading(*row) for row in cursor.fetchall()}


def sparklines(
    system: AnySystem, metrics: Iterable[str], seconds: int = 300, slots: int = 60
) -> dict[tuple[str, str, str], list[float | None]]:
    """(service, metric, label) -> `slots` means over the last `seconds`, oldest first; None = nothing was read."""
    now = timezone.now()
    width = seconds / slots
    sql = """select service, metric, label, floor(extract(epoch from %s - at) / %s)::int as slot, avg(value)
             from systems_reading where system_id = %s and metric = any(%s) and at > %s and value is not null
             group by 1, 2, 3, 4"""
    found: dict[tuple[str, str, str], list[float | None]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, width, _id(system), list(metrics), now - timedelta(seconds=seconds)])
        for service, metric, label, slot, value in cursor.fetchall():
            if 0 <= slot < slots:
                found.setdefault((service, metric, label), [None] * slots)[slots - 1 - slot] = value
    return found


def known_templates(system: AnySystem) -> dict[str, list[str]]:
    """service -> log templates seen in the last days: what is not new."""
    sql = """select distinct service, label from systems_rollup
             where system_id = %s and metric = 'log.template' and minute > now() - interval '3 days' limit 20000"""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [_id(system)])
        for service, label in cursor.fetchall():
            found.setdefault(service, []).append(label)
    return found
