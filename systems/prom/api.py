"""The HTTP API of Prometheus: what is asked, and its answers as plain samples. No requests are made here."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from systems.prom.table import PARTS, Table, first, table
from systems.prom.text import Sample
from systems.readings import clean

UP = "up"
MOST_SAMPLES = 60_000


class ApiError(ValueError):
    """Prometheus refused the question, or its answer is none; the message says what it said."""


@dataclass(slots=True)
class Scrapes:
    """What was scraped, by replica and time (epoch seconds, as scraped). `up`: the last word on each replica."""

    by_replica: dict[str, dict[float, list[Sample]]] = field(default_factory=dict)
    up: dict[str, tuple[float, float]] = field(default_factory=dict)  # time, 1 or 0
    cut: bool = False

    @property
    def newest(self) -> float | None:
        """When anything but `up` was scraped last; None when nothing was."""
        return max((at for scrapes in self.by_replica.values() for at in scrapes), default=None)


def selector(labels: Mapping[str, str], window_s: float, known: Table | None = None) -> str:
    """PromQL for the raw samples of the last seconds, of the series with these labels whose names are known."""
    known = known or table()
    durations = {row.name for row in known.durations}
    names = {n for n in known.names if not n.endswith(PARTS[:-1]) or n.rpartition("_")[0] not in durations}
    pattern = "|".join([UP, *(f"{n}_(?:bucket|count|sum)" for n in sorted(durations)), *sorted(names)])
    where = ",".join(f"{name}={quoted(value)}" for name, value in sorted(labels.items()))
    return (
        f'{{__name__=~"(?:{pattern})(?:_total)?"{"," + where if where else ""}}}[{max(1, round(window_s))}s]'
    )


def quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text, ensure_ascii=False)


def result(body: bytes) -> list[Any]:
    """The rows of an answer; ApiError when it holds none."""
    try:
        data = json.loads(body)
    except ValueError:
        raise ApiError("what answers is not the HTTP API of Prometheus (no JSON)") from None
    if not isinstance(data, dict) or data.get("status") != "success":
        said = data.get("error") if isinstance(data, dict) else None
        raise ApiError(clean(f"Prometheus refuses the question: {said or 'no reason given'}", 300))
    inner = data.get("data")
    rows = inner.get("result") if isinstance(inner, dict) else None
    if not isinstance(rows, list):
        raise ApiError("the answer of Prometheus has no result")
    if isinstance(inner, dict) and inner.get("resultType") == "scalar":
        return [{"metric": {}, "value": rows}]
    return [row for row in rows if isinstance(row, dict)]


def scrapes(rows: list[Any]) -> Scrapes:
    """Rows of a range selector, put in order. What is no sample is passed over."""
    found, count = Scrapes(), 0
    for row in rows:
        labels = row.get("metric")
        if not isinstance(labels, dict) or not isinstance(row.get("values"), list):
            continue
        known = {str(k): str(v) for k, v in labels.items()}
        name = known.pop("__name__", "")
        replica = clean(first(known, table().labels.replica), 60)
        key = name + json.dumps(known, sort_keys=True)
        if count + len(row["values"]) > MOST_SAMPLES:
            found.cut = True
            continue
        by_time = found.by_replica.setdefault(replica, defaultdict(list)) if name != UP else None
        for at, value in filter(None, map(_pair, row["values"])):
            count += 1
            if by_time is None:
                found.up[replica] = max(found.up.get(replica, (0.0, 0.0)), (at, value))
            else:
                by_time[at].append(Sample(key, name, known, value, at))
    return found


def value(rows: list[Any]) -> tuple[float | None, str]:
    """(the one value, why there is none) of an instant query. None of nothing is unknown, never zero."""
    if len(rows) != 1:
        return None, "no series" if not rows else f"{len(rows)} series where one is wanted: sum() them"
    pair = _pair(rows[0].get("value"))
    if pair is None or not math.isfinite(pair[1]):
        return None, "no number"
    return pair[1], ""


def _pair(item: Any) -> tuple[float, float] | None:
    try:
        at, text = item
        return float(at), float(text)
    except (TypeError, ValueError):
        return None


def plain(pattern: str) -> str:
    """For messages: a selector without its long list of names."""
    return re.sub(r'__name__=~"[^"]*",?', "", pattern)
