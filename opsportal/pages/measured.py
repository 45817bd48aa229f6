"""What the dashboard reads out of the readings: sparklines and journeys."""

from __future__ import annotations

from typing import Any

from django.db import connection

from opsportal.drawing.charts import AXIS_S, AXIS_SLOTS

SPARK_S, SPARK_SLOTS = 300, 60
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
