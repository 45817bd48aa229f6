"""Before, during and after, from the readings: what a postmortem can show in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from incidents import own
from incidents.facts import Measured
from incidents.models import Incident, Symptom
from incidents.sections import Figure
from incidents.signals import CATALOG
from incidents.timeline import told

BEFORE = timedelta(seconds=90)
EDGE = timedelta(seconds=5)  # the minute before the first symptom may already be ill
MAX_FIGURES = 9

_MEANS = """
select metric, service, label,
       avg(value) filter (where at >= %(b0)s and at < %(b1)s),
       avg(value) filter (where at >= %(d0)s and at < %(d1)s),
       max(value) filter (where at >= %(d0)s and at < %(d1)s),
       min(value) filter (where at >= %(d0)s and at < %(d1)s),
       avg(value) filter (where at >= %(a0)s and at < %(a1)s)
from systems_reading
where system_id = %(system)s and at >= %(b0)s and at < %(a1)s and value is not null
  and (metric in ('journey.ok', 'journey.latency_ms')
       or (service, metric) in (select * from unnest(%(services)s::text[], %(metrics)s::text[])))
group by 1, 2, 3 order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Windows:
    """Three stretches of time; `green` is when all symptoms were gone, `None` while they are not, or nobody saw it."""

    ill_from: datetime
    green: datetime | None
    until: datetime

    def params(self) -> dict[str, datetime]:
        ill_to = self.green or self.until
        return {
            "b0": self.ill_from - BEFORE,
            "b1": self.ill_from - EDGE,
            "d0": self.ill_from,
            "d1": ill_to,
            "a0": ill_to,
            "a1": self.until,
        }


def windows(incident: Incident) -> Windows:
    """Recovery is when the validator first saw everything green, else when the last symptom cleared."""
    green: datetime | None = None
    measured = incident.events.filter(kind=Measured.kind, at__gte=incident.opened_at)
    for said in told(measured.order_by("seq"), Measured):
        green = said.green_since or green
    mine = Symptom.objects.filter(incident=incident, opens=True)
    if green is None and not mine.filter(Q(cleared_at=None) | Q(given_up=True)).exists():
        green = mine.order_by("-cleared_at").values_list("cleared_at", flat=True).first()
    until = timezone.now() if green else incident.resolved_at or timezone.now()
    return Windows(incident.started_at, green, until)


def figures(incident: Incident, symptoms: Iterable[Symptom]) -> list[Figure]:
    """Journeys first. `during` is the worst for what was diagnosed."""
    wanted: dict[tuple[str, str], tuple[str, str]] = {}
    for symptom in symptoms:
        signal = CATALOG.get(symptom.signal)
        if (
            signal
            and not signal.metric.endswith("*")
            and not signal.metric.startswith(("journey.", "log.template"))
        ):
            metric, label = own.behind(signal.metric, symptom.label)
            wanted.setdefault((symptom.service, metric), (label, signal.title))
    if incident.component:
        wanted.setdefault((incident.component, "log.error_rate"), ("", ""))
    params: dict[str, Any] = dict(windows(incident).params())
    params |= {
        "system": incident.system_id,
        "services": [service for service, _ in wanted],
        "metrics": [metric for _, metric in wanted],
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEANS, params)
        rows = cursor.fetchall()
    called = own.named(incident.system.slug)
    found = [
        _figure(row, called)
        for row in rows
        if row[0].startswith("journey.") or not row[2] or _is_wanted(row, wanted)
    ]
    found.sort(key=lambda f: (f[0], f[1].name))
    return [figure for _, figure in found[:MAX_FIGURES]]


def journey_runs(incident: Incident) -> tuple[int, int]:
    """(failed, all) measured runs of customer journeys from the first symptom until all was green, or until now."""
    spans = windows(incident)
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) filter (where value < 1), count(*) from systems_reading where system_id = %s"
            " and metric = 'journey.ok' and value is not null and at >= %s and at < %s",
            [incident.system_id, spans.ill_from, spans.green or spans.until],
        )
        failed, runs = cursor.fetchone()
    return int(failed), int(runs)


def _is_wanted(row: tuple[Any, ...], wanted: dict[tuple[str, str], tuple[str, str]]) -> bool:
    return bool(wanted.get((row[1], row[0]), ("", ""))[0] == row[2])


UNITS = {"_ms": "ms", "_pct": "%", "_mb": "MB", "_s": "s", "_rate": "/s"}
WORDS = {"journey.ok": "customers can {}", "journey.latency_ms": "time to {}"}


def _figure(row: tuple[Any, ...], called: Mapping[tuple[str, str], own.Named]) -> tuple[int, Figure]:
    """With its rank. `called`: how declared readings are."""
    metric, service, label, before, during, highest, lowest, after = row
    unit = next((word for end, word in UNITS.items() if metric.endswith(end)), "")
    if metric == "journey.ok":
        before, during, after = (None if v is None else 100 * v for v in (before, during, after))
        unit = "%"
    elif metric.endswith(".ok") or metric in ("unit.up", "config.valid", "env.valid", "redis.hit_ratio"):
        during = lowest
    elif not metric.startswith("journey."):
        during = highest
    name = (
        WORDS[metric].format(label)
        if metric in WORDS
        else f"{service} {metric}" + (f" ({label})" if label else "")
    )
    if declared := called.get((service, metric)):
        name, unit = declared.of(label), declared.unit
    rank = 0 if metric == "journey.ok" else 1 if metric.startswith("journey.") else 2
    before, during, after = (_round(v) for v in (before, during, after))
    return rank, Figure(name=name, unit=unit, before=before, during=during, after=after)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1 if abs(value) >= 10 else 3)
