"""Before, during and after: the readings around an incident as series for the plot and as a table of its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from django.db import connection
from django.utils import timezone

from incidents import changed, figures, own
from incidents.changed import Around
from incidents.facts import Acted
from incidents.models import Incident, TimelineEvent

BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=2)
LONGEST = timedelta(hours=2)
SLOTS = 240
GAP_S = 15.0  # longer than any probe's interval: nothing was measured in between
OWN_GAP_S = 75.0  # declared readings may be asked each minute only
MAX_SERVICES = 4
WORKS = "journeys that work"
MAX_LINES = 5  # in the plot; the table has them all
MAX_OWN, OWN_PLOTS = 8, 2  # declared readings in the table, and with a plot of their own

Point = tuple[datetime, float]


@dataclass
class Series:
    """One metric of one service; values in `unit`."""

    name: str
    unit: str
    points: list[Point]

    def between(self, start: datetime, end: datetime) -> float | None:
        values = [v for at, v in self.points if start <= at < end]
        return fmean(values) if values else None

    def drawn(self, gap_s: float) -> dict[str, Any]:
        """For the page; a gap in the measurements stays a gap in the line."""
        times: list[str] = []
        values: list[float | None] = []
        for before, (at, value) in zip([None, *self.points], self.points, strict=False):
            if before is not None and (at - before[0]).total_seconds() > gap_s:
                times.append((before[0] + (at - before[0]) / 2).isoformat())
                values.append(None)
            times.append(at.isoformat())
            values.append(round(value, 2))
        return {"name": self.name, "unit": self.unit, "x": times, "y": values}


def window(incident: Incident) -> tuple[datetime, datetime]:
    """From a little before the first symptom to a little after the recovery, or to now."""
    now = timezone.now()
    end = min(now, incident.resolved_at + AFTER) if incident.resolved_at else now
    return incident.started_at - BEFORE, min(end, incident.started_at + LONGEST)


def series(incident: Incident, services: Iterable[str]) -> list[Series]:
    """Journeys first, then the answering time of the services concerned, in milliseconds."""
    start, end = window(incident)
    step = max(1.0, (end - start).total_seconds() / SLOTS)
    names = list(dict.fromkeys(services))[:MAX_SERVICES]
    sql = """select metric, case when metric = 'journey.ok' then '' else service end,
                    case when metric = 'journey.ok' then '' else label end,
                    to_timestamp(floor(extract(epoch from at) / %(step)s) * %(step)s) as slot, avg(value)
             from systems_reading
             where system_id = %(system)s and at between %(start)s and %(end)s and value is not null
               and (metric in ('journey.ok', 'journey.latency_ms')
                    or (metric in ('http.latency_ms', 'tcp.connect_ms') and service = any(%(names)s)))
             group by 1, 2, 3, 4 order by 4"""
    found: dict[tuple[str, str], list[Point]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            sql, {"step": step, "system": incident.system_id, "start": start, "end": end, "names": names}
        )
        for metric, service, label, slot, value in cursor.fetchall():
            found.setdefault((metric, label if metric.startswith("journey") else service), []).append(
                (slot, value)
            )
    # A service with an HTTP latency needs no second line for its port.
    keys = [k for k in found if k[0] != "tcp.connect_ms" or ("http.latency_ms", k[1]) not in found]
    keys.sort(key=lambda k: (k[0] != "journey.ok", not k[0].startswith("journey"), k[1]))
    words = {
        "journey.ok": WORKS,
        "journey.latency_ms": "time to {}",
        "http.latency_ms": "{} answers",
        "tcp.connect_ms": "{} connects",
    }
    scale = {"journey.ok": ("%", 100.0)}
    made = []
    for metric, name in keys:
        unit, factor = scale.get(metric, ("ms", 1.0))
        points = [(at, value * factor) for at, value in found[(metric, name)]]
        made.append(Series(words[metric].format(name), unit, points))
    return made


def own_series(incident: Incident, services: Iterable[str]) -> list[Series]:
    """The declared readings of the services concerned, in their own units: those with a symptom first."""
    called = own.named(incident.system.slug)
    names = [n for n in dict.fromkeys(services) if any(n == service for service, _ in called)]
    if not names:
        return []
    start, end = window(incident)
    step = max(1.0, (end - start).total_seconds() / SLOTS)
    sql = """select service, metric, label,
                    to_timestamp(floor(extract(epoch from at) / %(step)s) * %(step)s) as slot, avg(value)
             from systems_reading
             where system_id = %(system)s and at between %(start)s and %(end)s and value is not null
               and metric = any(%(metrics)s) and service = any(%(names)s)
             group by 1, 2, 3, 4 order by 4"""
    params: dict[str, Any] = {
        "step": step,
        "system": incident.system_id,
        "start": start,
        "end": end,
        "names": names,
        "metrics": sorted({metric for _, metric in called}),
    }
    found: dict[tuple[str, str, str], list[Point]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        for service, metric, label, slot, value in cursor.fetchall():
            if (service, metric) in called:
                found.setdefault((service, metric, label), []).append((slot, value))
    said = incident.symptoms.filter(signal__startswith="declared_").values_list("service", "label")
    ill = {(service, *own.behind(own.VERDICT, label)) for service, label in said}
    order = sorted(found, key=lambda k: (k not in ill, k))[:MAX_OWN]
    return [Series(called[k[:2]].of(k[2]), called[k[:2]].unit, found[k]) for k in order]


def marks(incident: Incident, events: Iterable[TimelineEvent]) -> list[dict[str, str]]:
    """The moments worth a line in the plot: first symptom, each action, recovery."""
    found = [{"at": incident.started_at.isoformat(), "text": "first symptom", "tone": "bad"}]
    found += [
        {"at": event.at.isoformat(), "text": _short(facts), "tone": "violet"}
        for event in events
        if isinstance(facts := event.facts, Acted) and facts.status != "running"
    ]
    if green := figures.windows(incident).green:
        found.append({"at": green.isoformat(), "text": "recovered", "tone": "ok"})
    return found


def _short(act: Acted) -> str:
    """Its name, with what came of it unless it worked."""
    deed, came = act.action[:28], act.status.replace("_", " ")
    return deed if came in ("", "succeeded") else f"{deed} {came[:16]}"


def plot(
    incident: Incident,
    services: Iterable[str],
    events: Iterable[TimelineEvent],
    around: Around | None = None,
) -> dict[str, Any] | None:
    """{"unit", "series", "marks", "changes", "rows", "span", "own"} for the page; None while nothing was measured.
    `own`: plots like it, of a declared reading each."""
    services = list(services)
    found, declared = series(incident, services), own_series(incident, services)
    if not found and not declared:
        return None
    spans = figures.windows(incident)
    broken, mended = spans.ill_from, spans.green
    far = timezone.now() + timedelta(days=1)
    rows = [
        {
            "name": s.name,
            "unit": s.unit,
            "before": s.between(broken - BEFORE, broken),
            "during": s.between(broken, mended or far),
            "after": s.between(mended, far) if mended else None,
        }
        for s in [*found, *declared]
    ]
    found.sort(key=lambda s: (s.unit != "%", -_moved(s, broken, mended or far)))
    shown = {s.name for s in found[:MAX_LINES]}
    start, end = window(incident)
    gap_s = max(GAP_S, 3 * (end - start).total_seconds() / SLOTS)
    drawn = [s.drawn(gap_s) for s in found if s.name in shown]
    common = {
        "marks": marks(incident, events),
        "changes": changed.marks(around, start, end) if around else [],
        "span": [start.isoformat(), end.isoformat()],
    }
    gap_s = max(gap_s, OWN_GAP_S)
    mine = [
        {"id": f"plot-own-{n}", "unit": s.unit, "series": [s.drawn(gap_s)], **common}
        for n, s in enumerate(declared[:OWN_PLOTS])
    ]
    return {"unit": "ms", "series": drawn, "rows": rows, "own": mine, **common}


def _moved(series: Series, broken: datetime, mended: datetime) -> float:
    """By what factor it changed during the incident, so that the plot shows what matters."""
    before, during = series.between(broken - BEFORE, broken), series.between(broken, mended)
    if before is None or during is None:
        return 0.0
    return max(during, before) / max(min(during, before), 0.1)
