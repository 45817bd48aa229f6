"""Metrics as JSON: CloudWatch, Datadog, OTLP, Grafana frames, Performance Insights, and series of any plain form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from incidents.foreign import columns, names, tables, times
from incidents.foreign.facts import Facts
from incidents.foreign.shapes.base import Context, Record, Shape, first, number, tags, text, when
from incidents.foreign.shapes.prometheus import stem

STAT = ("Average", "Maximum", "Sum", "p99", "p95", "p90", "p50", "SampleCount", "Minimum", "average", "maximum",
"sum", "value", "Value", "avg",
        "mean", "max")  # fmt: skip


def _pairs(
    facts: Facts, component: str, metric: str, pairs: Iterable[tuple[Any, Any]], unit: str = ""
) -> None:
    for stamp, raw in pairs:
        at, value = times.parse(stamp), number(raw)
        if at is not None and value is not None and value == value:
            facts.point(component, metric, at, value, unit)


def _is_data_result(record: Record, context: Context) -> bool:
    low = {k.lower() for k in record}
    return {"timestamps", "values"} <= low or {"times", "values"} <= low


def _data_result(record: Record, context: Context, facts: Facts) -> None:
    """CloudWatch's GetMetricData and what is like it: two lists side by side."""
    low = {k.lower(): v for k, v in record.items()}
    dimensions = tags(
        first(record, "dimensions", "Dimensions", "MetricStat.Metric.Dimensions", "labels", "tags")
    )
    dimensions = dimensions or tags(context.around.get("Dimensions"))
    metric = text(
        record, "metric_name", "MetricName", "metric", "name", "Label", "label", "Id", "id"
    ) or stem(context)
    component = (
        names.of_labels(dimensions) or next((str(v) for v in dimensions.values()), "") or _around(context)
    )
    if not component and " " in metric:
        component, metric = _of_label(metric)
    stamps, values = low.get("timestamps") or low.get("times") or [], low.get("values") or []
    if isinstance(stamps, list) and isinstance(values, list):
        _pairs(facts, component, metric, zip(stamps, values, strict=False), text(record, "unit", "Unit"))


def _of_label(label: str) -> tuple[str, str]:
    """CloudWatch labels are often `name metric`."""
    a, _, b = label.partition(" ")
    return (a, b) if not columns.is_metric_only(a) else ("", label)


def _around(context: Context) -> str:
    return text(context.around, "db_instance_identifier", "DBInstanceIdentifier", "service", "service_name",
    "component", "cmdb_id", "instance",
                "host", "pod", "resource", "app", "entity")  # fmt: skip


def _is_statistics(record: Record, context: Context) -> bool:
    return any(k in record for k in ("Datapoints", "datapoints", "dataPoints", "points")) and isinstance(
        first(record, "Datapoints", "datapoints", "dataPoints", "points"), list
    )  # fmt: skip


def _statistics(record: Record, context: Context, facts: Facts) -> None:
    """CloudWatch's GetMetricStatistics, Graphite's and Grafana's `datapoints`, and the like."""
    labels = tags(first(record, "Dimensions", "dimensions", "tags", "labels"))
    metric = text(record, "Label", "label", "MetricName", "metric_name", "metric", "name", "target") or stem(
        context
    )
    component = (
        names.of_labels(labels)
        or next((str(v) for v in labels.values()), "")
        or text(record, "service", "component", "host", "instance", "entity")
    )
    component = component or _around(context)
    if not component:
        component, metric = columns.split_columns([metric])[metric]
    points: Any = first(record, "Datapoints", "datapoints", "dataPoints", "points")
    _points(facts, component, metric, points, text(record, "unit", "Unit"))


def _points(facts: Facts, component: str, metric: str, points: list[Any], unit: str) -> None:
    for point in points:
        if isinstance(point, Mapping):
            at = when(point, "Timestamp", "timestamp", "time", "ts", "t", "date", "timeUnixNano")
            value = number(first(point, *STAT, "v", "asDouble", "asInt", "val", "y"))
        elif isinstance(point, list) and len(point) == 2:
            a, b = times.parse(point[0]), times.parse(point[1])
            at, value = (a, number(point[1])) if a is not None else (b, number(point[0]))
        else:
            continue
        if at is not None and value is not None and value == value:
            facts.point(component, metric, at, value, unit)


def _is_datadog(record: Record, context: Context) -> bool:
    return isinstance(record.get("pointlist"), list)


def _datadog(record: Record, context: Context, facts: Facts) -> None:
    labels = {**tags(str(record.get("scope", "")).split(",")), **tags(record.get("tag_set"))}
    units = record.get("unit")
    unit = (
        text(units[0], "name") if isinstance(units, list) and units and isinstance(units[0], Mapping) else ""
    )
    component = names.of_labels(labels)
    metric = text(record, "metric", "display_name", "expression")
    _pairs(
        facts,
        component,
        metric,
        ((p[0], p[1]) for p in record["pointlist"] if isinstance(p, list) and len(p) == 2),
        unit,
    )


def _is_otlp(record: Record, context: Context) -> bool:
    return any(k in record for k in ("scopeMetrics", "scope_metrics", "instrumentationLibraryMetrics"))


def _otlp(record: Record, context: Context, facts: Facts) -> None:
    who = names.of_labels(tags(first(record, "resource.attributes")))
    for scope in first(record, "scopeMetrics", "scope_metrics", "instrumentationLibraryMetrics") or []:
        for metric in first(scope, "metrics") or []:
            if isinstance(metric, Mapping):
                _otlp_metric(metric, who, facts)


def _otlp_metric(metric: Record, who: str, facts: Facts) -> None:
    name, unit = text(metric, "name"), text(metric, "unit")
    for kind in ("gauge", "sum", "histogram", "summary", "exponentialHistogram"):
        body = metric.get(kind)
        for point in first(body, "dataPoints", "data_points") or [] if isinstance(body, Mapping) else []:
            at = when(point, "timeUnixNano", "time_unix_nano")
            value = number(first(point, "asDouble", "asInt", "as_double", "as_int"))
            if value is None:  # of a histogram, the mean
                total, count = number(first(point, "sum")), number(first(point, "count"))
                value = total / count if total is not None and count else None
            if at is not None and value is not None:
                facts.point(who or names.of_labels(tags(point.get("attributes"))), name, at, value, unit)


def _is_frame(record: Record, context: Context) -> bool:
    return isinstance(first(record, "schema.fields"), list) and isinstance(first(record, "data.values"), list)


def _frame(record: Record, context: Context, facts: Facts) -> None:
    """Grafana's data frames: a field of times, and fields of values with labels."""
    fields, columns = first(record, "schema.fields"), first(record, "data.values")
    stamps: Any = next((c for f, c in zip(fields, columns, strict=False) if text(f, "type") == "time"), [])
    for field, column in zip(fields, columns, strict=False):
        if text(field, "type") == "number":
            labels = tags(field.get("labels"))
            metric = text(labels, "__name__") or text(record, "schema.name") or text(field, "name")
            _pairs(
                facts, names.of_labels(labels) or _around(context), metric, zip(stamps, column, strict=False)
            )


def _is_plain(record: Record, context: Context) -> bool:
    """{"metric" or "name": .., "value": number, a time}: one sample."""
    return (
        isinstance(first(record, "value", "val"), int | float)
        and isinstance(first(record, "metric", "metric_name", "name", "kpi_name", "kpi"), str)
        and when(record, "timestamp", "time", "ts", "@timestamp") is not None
    )


def _plain(record: Record, context: Context, facts: Facts) -> None:
    labels = tags(first(record, "labels", "tags", "dimensions", "attributes"))
    component = text(
        record, "service", "component", "cmdb_id", "host", "pod", "instance", "node", "entity"
    ) or names.of_labels(labels)
    at = when(record, "timestamp", "time", "ts", "@timestamp")
    value = number(first(record, "value", "val"))
    if at is not None and value is not None:
        metric = text(record, "metric", "metric_name", "kpi_name", "kpi", "name")
        facts.point(
            tables.place(component or _around(context), facts), metric, at, value, text(record, "unit")
        )


def _is_list(record: Record, context: Context) -> bool:
    """{"labels"/"metric"/"name": .., "values"/"data"/"samples": [[t, v], ..] or [{"t", "v"}, ..]}."""
    points = first(record, "values", "data", "samples", "series", "timeseries")
    return isinstance(points, list) and bool(points) and _is_point(points[0]) and (
        isinstance(first(record, "name", "metric", "metric_name", "target", "labels", "label"), str | Mapping)
    )  # fmt: skip


def _is_point(item: Any) -> bool:
    if isinstance(item, list):
        return len(item) == 2 and any(times.parse(x) is not None for x in item)
    return isinstance(item, Mapping) and when(item, "timestamp", "time", "ts", "t") is not None and (
        isinstance(first(item, *STAT, "v", "y"), int | float)
    )  # fmt: skip


def _list(record: Record, context: Context, facts: Facts) -> None:
    labels = tags(first(record, "labels", "tags", "dimensions"))
    metric = first(record, "metric", "name", "metric_name", "target", "label")
    metric = str(metric) if isinstance(metric, str) else str(labels.get("__name__", stem(context)))
    component = (
        names.of_labels(labels)
        or text(record, "service", "component", "host", "instance", "pod", "entity", "node")
        or _around(context)
    )
    if not component:
        component, metric = columns.split_columns([metric])[metric]
    _points(
        facts,
        component,
        metric,
        first(record, "values", "data", "samples", "series", "timeseries"),
        text(record, "unit"),
    )


def loose(values: list[Any], context: Context, facts: Facts) -> bool:
    """A bare list of points under a key, {"cart_cpu": [[t, v], ..]} or {"cart": {"cpu": [..]}}: True when it was."""
    if len(values) < 2 or not all(_is_point(v) for v in values[:3]) or not context.keys:
        return False
    metric = context.keys[-1]
    outer = [
        k
        for k in context.keys[:-1]
        if not re.match(r"^(data|metrics?|series|results?|values|timeseries|services|components)$", k, re.I)
    ]
    component = outer[-1] if outer else _around(context)
    if not component:
        component, metric = columns.split_columns([metric])[metric]
    _points(facts, component, metric, values, "")
    return True


SHAPES = (
    Shape("metrics (OTLP)", _is_otlp, _otlp),
    Shape("metrics (Datadog)", _is_datadog, _datadog),
    Shape("metrics (Grafana frames)", _is_frame, _frame),
    Shape("metrics (two lists)", _is_data_result, _data_result),
    Shape("metrics (points)", _is_statistics, _statistics),
    Shape("metrics (series)", _is_list, _list),
    Shape("metrics (samples)", _is_plain, _plain),
)
