"""Prometheus: answers of its HTTP API, and the text that it scrapes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from incidents.foreign import names, times
from incidents.foreign.facts import Facts
from incidents.foreign.shapes.base import Context, Record, Shape, number
from systems.prom import text as promtext

# Labels that tell series of one component apart; a few values of them are kept, more are put together.
_APART = ("quantile", "status", "code", "device", "mountpoint", "le", "response_code", "persistentvolumeclaim",
"route", "path",
          "endpoint", "mode", "state", "queue", "topic", "type", "reason", "condition")  # fmt: skip


def _is_series(record: Record, context: Context) -> bool:
    return isinstance(record.get("metric"), Mapping) and (
        "values" in record or "value" in record or "histograms" in record
    )


def _series(record: Record, context: Context, facts: Facts) -> None:
    labels = record["metric"]
    component, metric = named(
        labels,
        str(
            labels.get("__name__")
            or context.around.get("query")
            or context.around.get("name")
            or stem(context)
        ),
    )
    pairs = record.get("values") or [record.get("value")]
    for pair in pairs:
        if isinstance(pair, list) and len(pair) == 2:
            at, value = times.parse(pair[0]), number(pair[1])
            if at is not None and value is not None and value == value:
                facts.point(component, metric, at, value)
    run(labels, facts)


def stem(context: Context) -> str:
    """What a result with no name of its own is of: the key it stands under, or its file's name."""
    outer = [k for k in context.keys if k not in ("data", "result", "results", "items", "series")]
    return outer[-1] if outer else re.sub(r"\.\w+$", "", context.file.rsplit("/", 1)[-1])


def run(labels: Mapping[str, object], facts: Facts) -> None:
    """Where a pod of these labels runs."""
    pod, node = (labels.get(k) for k in ("pod", "node"))
    if isinstance(pod, str) and isinstance(node, str):
        facts.runs_on(pod, node)


def named(labels: Mapping[str, object], name: str) -> tuple[str, str]:
    """(component, metric) of a labelled sample."""
    component = names.of_labels(dict(labels))
    apart = [f"{k}={labels[k]}" for k in _APART if labels.get(k) not in (None, "")][:3]
    source = labels.get("source_workload") or labels.get("source_app")
    return component, name + (" " + " ".join(apart) if apart else "") + (f" from {source}" if source else "")


def looks_like(text: str) -> bool:
    """A file may be anything: bare lines of a word and a number are not taken for it."""
    return promtext.looks_like(text) and ("{" in text or "# HELP " in text or "# TYPE " in text)


def read(lines: Iterable[str], file: str, facts: Facts) -> str:
    """Scraped text. Without times on the lines, all are of one moment, the scrapes of a file one after the other."""
    scrape = 0
    seen: set[str] = set()
    stamp: float | None = None
    for line in lines:
        if line.startswith("#"):
            found = times.in_line(line.lstrip("# "))
            stamp = found if found is not None else stamp
            continue
        told = promtext.sample(line)
        if told is None or not math.isfinite(told.value):
            continue
        at = times.parse(told.at) if told.at is not None else stamp
        if at is None:
            if told.key in seen:
                seen, scrape = set(), scrape + 1
            seen.add(told.key)
            at = scrape * 15.0
        component, metric = named(told.labels, told.name)
        facts.point(component or stem(Context(file)), metric, at, told.value)
    return "metrics (Prometheus text)"


SHAPES = (Shape("metrics (Prometheus API)", _is_series, _series),)
