"""Log records: Datadog, CloudWatch Logs, Loki, Elasticsearch, OTLP, and any object with a message and a time or
level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.foreign import names, times
from incidents.foreign.facts import Facts
from incidents.foreign.shapes.base import Context, Record, Shape, first, tags, text, when

MESSAGE = ("message", "msg", "@m", "log_message", "textPayload", "body", "Body", "log", "content", "value",
"raw", "line", "event",
           "jsonPayload.message", "MESSAGE", "Message", "short_message", "text")  # fmt: skip
TIMES = ("timestamp", "@timestamp", "time", "ts", "@t", "Timestamp", "date", "datetime", "timeUnixNano",
"observedTimeUnixNano",
         "eventTime", "created_at", "__REALTIME_TIMESTAMP", "TimeUnixNano", "t", "timestamp_ms",
         "ingestionTime")  # fmt: skip
LEVELS = ("status", "level", "severity", "severityText", "SeverityText", "severity_text", "severityNumber",
"SeverityNumber",
          "log.level", "@l", "lvl", "loglevel", "log_level", "PRIORITY", "levelname")  # fmt: skip
WHO = ("service", "service_name", "service.name", "serviceName", "ServiceName", "resource.service.name", "app",
"application",
       "cmdb_id", "container_name", "kubernetes.container_name", "kubernetes.labels.app", "kubernetes.pod_name",
       "pod_name", "pod",
       "container", "component", "logger_service", "logStreamName", "logGroup", "source", "svc", "k8_pod",
       "host", "hostname")  # fmt: skip
ABOUT = ("kube_deployment", "kube_pod", "pod_name", "kube_stateful_set", "kube_daemon_set", "kube_node",
"kube_service", "deployment",
         "workload")  # fmt: skip
_FAULT = (
    "error",
    "exception",
    "exc_info",
    "stack_trace",
    "exc",
    "err",
    "@x",
    "traceback",
    "error.message",
    "exception.message",
)


def _is_log(record: Record, context: Context) -> bool:
    if first(record, *MESSAGE) is None or any(
        k in record for k in ("labels", "annotations", "sha", "commit", "values", "datapoints")
    ):
        return False
    if any(k in record for k in ("span_id", "spanID", "spanId")) and any(
        k in record for k in ("duration", "Duration", "elapsed")
    ):
        return False
    has_time = first(record, *TIMES) is not None
    has_level = first(record, *LEVELS) is not None
    return (has_time and (has_level or first(record, *WHO) is not None or _logs_around(context))) or (
        has_level and "message" in record
    )


def _logs_around(context: Context) -> bool:
    return any("log" in k.lower() for k in context.keys) or "log" in context.file.lower()


def _log(record: Record, context: Context, facts: Facts) -> None:
    labels = {**tags(first(record, "tags", "ddtags", "labels")), **_resource(record, context)}
    message = text(record, *MESSAGE)
    fault = text(record, *_FAULT)
    if fault and fault not in message and len(fault) > 3:
        message = f"{message} | {fault[:1500]}"
    if not message:
        return
    who = text(record, *WHO) or text(context.around, *WHO) or names.of_labels(labels)
    about = frozenset(str(labels[k]) for k in ABOUT if labels.get(k))
    level: Any = first(record, *LEVELS)
    if isinstance(level, Mapping):
        level = first(level, "text", "name")
    if fault and level is None:
        level = "error"
    facts.logs.add(who, when(record, *TIMES), message, _severity(level, message), about)


def _severity(level: Any, message: str) -> Any:
    """A status that is an HTTP code is no level; a level that is a mapping's is its text."""
    if isinstance(level, str) and level.isdigit() and len(level) == 3:
        return "error" if level >= "500" else None
    if isinstance(level, int) and 100 <= level <= 599:
        return "error" if level >= 500 else None
    return level


def _resource(record: Record, context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in (
        "resource",
        "ResourceAttributes",
        "resourceAttributes",
        "resource_attributes",
        "attributes",
        "kubernetes",
    ):
        value = first(record, key)
        if isinstance(value, Mapping) and "attributes" in value:
            value = value["attributes"]
        if isinstance(value, Mapping | list):
            found.update({k: v for k, v in tags(value).items() if isinstance(v, str)})
    if isinstance(context.around.get("resource"), Mapping):
        found.update(tags(context.around["resource"].get("attributes")))
    return found


def _is_wrapped(record: Record, context: Context) -> bool:
    """Datadog's API ({"attributes": {"message"}}), Elasticsearch hits ({"_source"}), OTLP rows that hold JSON."""
    inner = first(record, "attributes", "_source")
    return isinstance(inner, Mapping) and first(inner, *MESSAGE) is not None and (
        first(inner, *TIMES) is not None or first(inner, *LEVELS) is not None
    )  # fmt: skip


def _wrapped(record: Record, context: Context, facts: Facts) -> None:
    inner: Any = first(record, "attributes", "_source")
    around = {k: v for k, v in record.items() if isinstance(v, str)}
    merged = {**inner, **(inner["attributes"] if isinstance(inner.get("attributes"), Mapping) else {})}
    _log(merged, context.inside("logs", around), facts)


def _is_loki(record: Record, context: Context) -> bool:
    return isinstance(record.get("stream"), Mapping) and isinstance(record.get("values"), list)


def _loki(record: Record, context: Context, facts: Facts) -> None:
    labels = record["stream"]
    who = names.of_labels(labels)
    for item in record["values"]:
        if isinstance(item, list) and len(item) >= 2:
            facts.logs.add(
                who,
                times.parse(item[0]),
                str(item[1])[:8000],
                labels.get("level", labels.get("detected_level")),
            )


def _is_otlp(record: Record, context: Context) -> bool:
    return "resource" in record and any(
        k in record for k in ("scopeLogs", "scope_logs", "instrumentationLibraryLogs")
    )


def _otlp(record: Record, context: Context, facts: Facts) -> None:
    resource = tags(first(record, "resource.attributes"))
    who = names.of_labels(resource)
    for scope in first(record, "scopeLogs", "scope_logs", "instrumentationLibraryLogs") or []:
        for item in first(scope, "logRecords", "log_records", "logs") or []:
            attributes = tags(item.get("attributes"))
            fault = text(attributes, "exception.message", "exception.type")
            message = text(item, "body") + (f" | {fault}" if fault else "")
            level = first(item, "severityText", "severityNumber", "severity_text", "severity_number")
            facts.logs.add(who, when(item, *TIMES), message, level)


SHAPES = (
    Shape("logs (OTLP)", _is_otlp, _otlp),
    Shape("logs (Loki)", _is_loki, _loki),
    Shape("logs (wrapped)", _is_wrapped, _wrapped),
    Shape("logs", _is_log, _log),
)
