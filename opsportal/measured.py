"""What the dashboard reads out of the readings and records: sparklines, journeys, seven days of figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from actions.models import ActionRequest, Status
from agent.models import Run
from systems.models import System

SPARK_S, SPARK_SLOTS = 300, 60
AXIS_S, AXIS_SLOTS = 3600, 240
SPARK_METRICS = ("http.latency_ms", "tcp.connect_ms", "proc.cpu_pct")


def sparks(system_id: int) -> dict[str, tuple[str, list[float | None]]]:
    """Per service the first of SPARK_METRICS it has, as SPARK_SLOTS means over the last SPARK_S seconds."""
    slot_s = SPARK_S / SPARK_SLOTS
    sql = """select service, metric, floor(extract(epoch from now() - at) / %s)::int as slot, avg(value)
             from systems_reading
             where system_id = %s and at > now() - make_interval(secs => %s) and metric = any(%s) and value is not null
             group by 1, 2, 3"""
    found: dict[tuple[str, str], list[float | None]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [slot_s, system_id, SPARK_S, list(SPARK_METRICS)])
        for service, metric, slot, value in cursor.fetchall():
            points = found.setdefault((service, metric), [None] * SPARK_SLOTS)
            if 0 <= slot < SPARK_SLOTS:
                points[SPARK_SLOTS - 1 - slot] = value
    sparks: dict[str, tuple[str, list[float | None]]] = {}
    for metric in SPARK_METRICS:
        for (service, name), points in found.items():
            if name == metric and service not in sparks:
                sparks[service] = (metric, points)
    return sparks


def journeys(system_id: int) -> dict[str, Any]:
    sql = """select floor(extract(epoch from now() - at) / %s)::int as slot,
                    avg(value) filter (where metric = 'journey.latency_ms'),
                    min(value) filter (where metric = 'journey.ok'),
                    sum(value) filter (where metric = 'journey.ok'),
                    count(value) filter (where metric = 'journey.ok')
             from systems_reading
             where system_id = %s and at > now() - make_interval(secs => %s)
               and metric in ('journey.latency_ms', 'journey.ok') and value is not null
             group by 1"""
    latency: list[float | None] = [None] * AXIS_SLOTS
    good: list[float | None] = [None] * AXIS_SLOTS
    passed = asked = 0.0
    with connection.cursor() as cursor:
        cursor.execute(sql, [AXIS_S / AXIS_SLOTS, system_id, AXIS_S])
        for slot, ms, least, total, count in cursor.fetchall():
            if 0 <= slot < AXIS_SLOTS:
                latency[AXIS_SLOTS - 1 - slot], good[AXIS_SLOTS - 1 - slot] = ms, least
                passed, asked = passed + float(total or 0), asked + count
    return {"latency": latency, "ok": good, "share": passed / asked if asked else None}


def record(system: System) -> dict[str, Any]:
    """Seven days: times to detect and to repair (median, p90), and what became of the agent's runs.

    Detection counts from the injection where a fault of ours was running, else from the first symptom."""
    since = timezone.now() - timedelta(days=7)
    sql = """with t as (
               select extract(epoch from i.opened_at - coalesce(f.started_at, i.started_at)) as detect,
                      extract(epoch from i.resolved_at - coalesce(f.started_at, i.started_at)) as repair
               from incidents_incident i left join lateral (
                 select started_at from chaos_injection c
                 where c.system_id = i.system_id and c.started_at <= i.opened_at
                   and c.started_at > i.opened_at - interval '10 minutes'
                   and coalesce(c.reverted_at, now()) >= i.started_at
                 order by started_at desc limit 1) f on true
               where i.system_id = %s and i.opened_at >= %s)
             select count(*), count(repair),
               percentile_cont(0.5) within group (order by detect), percentile_cont(0.9) within group (order by detect),
               percentile_cont(0.5) within group (order by repair), percentile_cont(0.9) within group (order by repair)
             from t"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [system.pk, since])
        total, repaired, d50, d90, r50, r90 = cursor.fetchone()
    runs = Run.objects.filter(incident__system=system, started_at__gte=since).aggregate(
        recovered=Count("pk", filter=Q(outcome="recovered")),
        handed=Count("pk", filter=Q(outcome__in=["handed_over", "no_action"])),
        stopped=Count("pk", filter=Q(outcome="stopped")),
        total=Count("pk"),
    )
    runs["live"] = runs["total"] - runs["recovered"] - runs["handed"] - runs["stopped"]
    acted = ActionRequest.objects.filter(system=system, requested_at__gte=since).aggregate(
        run=Count("pk", filter=Q(claimed_at__isnull=False)),
        asked=Count(
            "pk", filter=Q(decision__by__isnull=False) | Q(status__in=[Status.WAITING, Status.EXPIRED])
        ),
        rejected=Count("pk", filter=Q(status=Status.REJECTED)),
    )
    return {
        "total": total,
        "repaired": repaired,
        "d50": d50,
        "d90": d90,
        "r50": r50,
        "r90": r90,
        "runs": runs,
        "acts": acted,
    }
