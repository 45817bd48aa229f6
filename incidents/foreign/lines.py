"""Every series of a bundle, ready to be judged: those it has, and those made of its spans and log lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from incidents.foreign import kinds, shifts
from incidents.foreign.facts import Facts
from incidents.foreign.loglines import BUCKET_S

PARTS = 80  # a bundle's time is cut into this many, to make a series of spans or lines


@dataclass
class Line:
    """A series, ready to be judged."""

    component: str
    metric: str
    kind: str
    down: bool
    t: shifts.Floats
    v: shifts.Floats
    unit: str = ""


def lines_of(facts: Facts, resolve: Callable[[str], str]) -> list[Line]:
    """Every series, those made of spans and logs included."""
    found = []
    for series in facts.series.values():
        measure = kinds.measure(series.metric, series.unit)
        t, v = shifts.prepared(np.frombuffer(series.times), np.frombuffer(series.values), count=measure.count)
        name = resolve(series.component)
        if name and len(t) >= shifts.LEAST and measure.kind != "other":
            found.append(Line(name, series.metric, measure.kind, measure.down, t, v, series.unit))
    return [*found, *_of_spans(facts, resolve), *_of_logs(facts, resolve)]


def _of_spans(facts: Facts, resolve: Callable[[str], str]) -> list[Line]:
    rows: dict[str, list[tuple[float, float, float, bool, bool]]] = defaultdict(list)
    for name, at, took, alone, failed, blamed in facts.spans.rows():
        component = resolve(name)
        if component:
            rows[component].append((at, took, alone, failed, blamed))
    if not rows:
        return []
    low = min(r[0] for found in rows.values() for r in found)
    high = max(r[0] for found in rows.values() for r in found)
    step = max((high - low) / PARTS, 0.5)
    return [
        line
        for c, found in rows.items()
        for line in _of_calls(c, np.array(found, dtype=np.float64), low, step)
    ]


def _of_calls(component: str, table: shifts.Floats, low: float, step: float) -> list[Line]:
    """`table`: a row for each call that came in: at, took, took alone, failed, failed by itself."""
    number: NDArray[np.int64] = ((table[:, 0] - low) // step).astype(np.int64)
    counts = np.bincount(number).astype(np.float64)
    if len(counts) < shifts.LEAST + 2:
        return []
    there = counts >= max(2.0, 0.1 * float(np.median(counts)))  # of one call alone nothing is told
    moments = low + (np.arange(len(counts), dtype=np.float64) + 0.5) * step
    whole = slice(1, -1)  # the first and the last are cut off by the record
    out = [Line(component, "spans a second", "traffic", False, moments[whole], counts[whole] / step)]
    if there.sum() < shifts.LEAST:
        return out
    for column, (metric, kind, unit) in enumerate(
        (
            ("mean duration of its spans", "latency", "s"),
            ("mean duration of its spans without those of others", "latency own", "s"),
            ("share of failed spans", "errors", ""),
            ("share of spans failed by itself", "errors own", ""),
        ),
        1,
    ):
        mean = np.bincount(number, table[:, column]) / np.maximum(counts, 1)
        out.append(Line(component, metric, kind, False, moments[there], mean[there], unit))
    return out


def _of_logs(facts: Facts, resolve: Callable[[str], str]) -> list[Line]:
    """Lines at error level a bucket, over the time in which anybody wrote anything."""
    all_buckets = [b for flow in facts.logs.flow.values() for b in (min(flow), max(flow))]
    if not all_buckets:
        return []
    low, high = min(all_buckets), max(all_buckets)
    span = high - low + 1
    if span < shifts.LEAST or span > 2_000_000:
        return []
    wide = max(1, span // PARTS)
    errors: dict[str, shifts.Floats] = {}
    for kind in facts.logs.kinds.values():
        name = resolve(kind.component)
        if name and kind.rank >= 2:
            row = errors.setdefault(name, np.zeros(span // wide + 1))
            for bucket, count in kind.buckets.items():
                row[(bucket - low) // wide] += count
    moments = (low + np.arange(span // wide + 1, dtype=np.float64) * wide + wide / 2) * BUCKET_S
    return [Line(n, "error lines in its log", "log errors", False, moments, row) for n, row in errors.items()]
