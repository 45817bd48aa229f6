"""Everything beside requests as readings: memory, files, pools, queues, stores, breakers; by the table's rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from systems.prom.source import Source
from systems.prom.table import Share, Single, State, Table, table
from systems.prom.text import Sample
from systems.readings import Reading, clean

LABELS = 20  # values of one label that become readings of their own
SPAN_S = 10.0
_COMBINE: dict[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}
# How several replicas become one figure, by what the reading is called
_WORST = ("proc.", "app.heap", "app.pool_pct", "app.gc", "app.eventloop", "app.connections_pct")

_OF_A_PROCESS = ("proc.", "app.goroutines", "app.gc_pct")  # whoever tells them tells them of itself

Values = dict[tuple[str, str], float]


def readings(
    service: str, sources: Mapping[str, Source], without: tuple[str, ...] = (), known: Table | None = None
) -> list[Reading]:
    """What the sources tell now. `without`: beginnings of readings that another probe reads better."""
    known, per_source = known or table(), []
    if any(name in source.gauges for source in sources.values() for name in known.exporters):
        without = (*without, *_OF_A_PROCESS)
    for source in sources.values():
        values: Values = {}
        for row in known.gauges:
            values |= _gauge(row, source)
        values |= _rates(known, source)
        for share in known.shares:
            values |= _share(share, source)
        per_source.append(values)
    found = [
        Reading(service, metric, round(value, 4), "", label)
        for (metric, label), value in _merged(per_source).items()
    ]
    found += [
        Reading(service, metric, 1.0, text)
        for metric, text in _states(known.states, sources.values()).items()
    ]
    found += _derived(service, {r.metric: r.value for r in found if not r.label and r.value is not None})
    return [r for r in found if not r.metric.startswith(without or ("\0",))]


def _matching(samples: Iterable[Sample], only: Mapping[str, str]) -> list[Sample]:
    return [s for s in samples if all(s.labels.get(k) == v for k, v in only.items())]


def _gauge(row: Single, source: Source) -> Values:
    grouped: dict[tuple[str, str], list[float]] = defaultdict(list)
    for sample in _matching(source.gauges.get(row.name, ()), row.only):
        metric = named(row.reading, sample.labels)
        label = clean(sample.labels.get(row.by, ""), 80) if row.by else ""
        if (metric, label) in grouped or len(grouped) < LABELS:
            grouped[metric, label].append(sample.value * row.scale)
    return {key: _COMBINE[row.combine](values) for key, values in grouped.items()}


def _rates(known: Table, source: Source) -> Values:
    covered, rise = source.window.over(max(SPAN_S, 2.5 * source.gap_s))
    found: Values = {}
    for row in known.rates:
        rose = rise.counts.get((row.name, "", ""))
        if rose is not None and covered > 0:
            found[row.reading, ""] = row.scale * rose / covered
    return found


def _share(row: Share, source: Source) -> Values:
    if row.counted:
        if row.top not in source.gauges:
            return {}
        covered, rise = source.window.over(60.0)
        top = rise.counts.get((row.top, "", ""))
        bottom = sum(rise.counts.get((name, "", ""), 0.0) for name in row.bottom)
        return (
            {(row.reading, ""): row.scale * top / bottom}
            if top is not None and bottom > 0 and covered
            else {}
        )
    tops = _matching(source.gauges.get(row.top, ()), row.only)
    bottoms = [s for name in row.bottom for s in _matching(source.gauges.get(name, ()), row.only)]
    bottom = sum(s.value for s in bottoms if s.value > 0)  # -1: without a limit
    return {(row.reading, ""): row.scale * sum(s.value for s in tops) / bottom} if tops and bottom > 0 else {}


def _merged(parts: list[Values]) -> Values:
    """Of several replicas the worst where each has its own limit, else all together."""
    grouped: dict[tuple[str, str], list[float]] = defaultdict(list)
    for part in parts:
        for key, value in part.items():
            grouped[key].append(value)
    return {key: _combined(key[0], values) for key, values in grouped.items()}


def _combined(metric: str, values: list[float]) -> float:
    if metric.endswith(("_ok", ".ok", "hit_ratio")):
        return min(values)
    # a store seen by two exporters is still one
    if metric.startswith((*_WORST, "queue.", "pg.", "redis.")) or metric.endswith("_pct"):
        return max(values)
    return sum(values)


def _states(rows: list[State], sources: Iterable[Source]) -> dict[str, str]:
    """Reading -> the state that holds; an open one, of several replicas."""
    found: dict[str, str] = {}
    for source in sources:
        for row in rows:
            for metric, text in _state(row, source):
                if metric in found or len(found) < LABELS:
                    found[metric] = text if "open" in text else found.get(metric, text)
    return found


def _state(row: State, source: Source) -> Iterator[tuple[str, str]]:
    for sample in source.gauges.get(row.name, ()):
        if row.on:
            yield named(row.reading, sample.labels), row.on if sample.value > 0 else "closed"
        elif sample.value > 0:
            yield named(row.reading, sample.labels), clean(sample.labels.get("state", ""), 40)


def _derived(service: str, values: Mapping[str, float]) -> list[Reading]:
    """What is made of several that were read: a difference, and who waits for any of the pools."""
    found = []
    if "redis.rss_mb" in values and "redis.used_mb" in values:
        wasted = max(0.0, values["redis.rss_mb"] - values["redis.used_mb"])
        found.append(Reading(service, "redis.fragmentation_mb", round(wasted, 1)))
    waiting = [n for name, n in values.items() if re.fullmatch(r"app\.pool_[\w-]+_requests_waiting", name)]
    return [*found, *([Reading(service, "app.pool_waiting", sum(waiting))] if waiting else [])]


def named(pattern: str, labels: Mapping[str, str]) -> str:
    """A reading's name, with the values of the labels it names put in."""

    def value(found: re.Match[str]) -> str:
        return re.sub(r"[^A-Za-z0-9_-]+", "_", labels.get(found[1], ""))[:40].strip("_") or "default"

    return re.sub(r"\{(\w+)\}", value, pattern)
