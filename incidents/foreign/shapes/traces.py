"""Traces: OTLP, Jaeger, Zipkin, and flat rows with a span a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.foreign import names
from incidents.foreign.facts import Facts
from incidents.foreign.shapes.base import Context, Record, Shape, any_of, first, number, tags, text, when

PEERS = ("peer.service", "server.address", "net.peer.name", "db.name", "db.system.name", "db.system",
"messaging.system",
         "net.sock.peer.name", "http.host", "url.host")  # fmt: skip
_CLIENT = frozenset(
    {"3", "4", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "CLIENT", "PRODUCER", "client", "producer", "Client"}
)
_WELL = frozenset(
    {
        "",
        "0",
        "0.0",
        "1",
        "1.0",
        "ok",
        "unset",
        "status_code_unset",
        "status_code_ok",
        "none",
        "success",
        "true",
    }
)


def _is_otlp(record: Record, context: Context) -> bool:
    return any(k in record for k in ("scopeSpans", "scope_spans", "instrumentationLibrarySpans"))


def _otlp(record: Record, context: Context, facts: Facts) -> None:
    who = names.of_labels(tags(first(record, "resource.attributes")))
    pod, node = (
        text(tags(first(record, "resource.attributes")), k) for k in ("k8s.pod.name", "k8s.node.name")
    )
    facts.runs_on(pod or who, node)
    for scope in first(record, "scopeSpans", "scope_spans", "instrumentationLibrarySpans") or []:
        for span in first(scope, "spans") or []:
            if isinstance(span, Mapping):
                _otlp_span(span, who, facts)


def _otlp_span(span: Record, who: str, facts: Facts) -> None:
    start, end = (
        when(span, *keys)
        for keys in (("startTimeUnixNano", "start_time_unix_nano"), ("endTimeUnixNano", "end_time_unix_nano"))
    )
    if start is None or end is None:
        return
    begin, stop = (
        first(span, "startTimeUnixNano", "start_time_unix_nano"),
        first(span, "endTimeUnixNano", "end_time_unix_nano"),
    )
    took = (int(stop) - int(begin)) / 1e9 if str(begin).isdigit() and str(stop).isdigit() else end - start
    attributes = tags(span.get("attributes"))
    status = span.get("status") if isinstance(span.get("status"), Mapping) else {}
    code = str(first(status or {}, "code") or "")
    failed = code in ("2", "STATUS_CODE_ERROR", "ERROR", "Error") or _http_failed(attributes)
    facts.spans.add(
        who, start, max(took, 0.0),
        span=text(span, "spanId", "span_id"), parent=text(span, "parentSpanId", "parent_span_id"),
        failed=failed, peer=_peer(attributes, str(first(span, "kind") or "")),
        text=text(status or {}, "message") or text(attributes, "exception.message",
        "error.message") or _of_events(span),
    )  # fmt: skip


def _of_events(span: Record) -> str:
    for event in span.get("events") or []:
        if isinstance(event, Mapping):
            found = tags(event.get("attributes"))
            if "exception.message" in found or "exception.type" in found:
                return f"{found.get('exception.type', '')}: {found.get('exception.message', '')}"
    return ""


def _http_failed(attributes: Mapping[str, Any]) -> bool:
    code = number(first(attributes, "http.response.status_code", "http.status_code"))
    if code is not None and code >= 500:
        return True
    return str(attributes.get("error", "")).lower() in ("true", "1")


def _peer(attributes: Mapping[str, Any], kind: str) -> str:
    return text(attributes, *PEERS) if kind in _CLIENT or not kind else ""


def _is_jaeger(record: Record, context: Context) -> bool:
    return isinstance(record.get("spans"), list) and ("processes" in record or "traceID" in record)


def _jaeger(record: Record, context: Context, facts: Facts) -> None:
    processes = record.get("processes") if isinstance(record.get("processes"), Mapping) else {}
    for span in record["spans"]:
        if not isinstance(span, Mapping):
            continue
        process: Any = span.get("process") or (processes or {}).get(span.get("processID"), {})
        attributes = tags(span.get("tags"))
        parent = next(
            (text(r, "spanID") for r in span.get("references") or [] if isinstance(r, Mapping)),
            text(span, "parentSpanID"),
        )
        start = when(span, "startTime", "startTimeMillis")
        if start is None:
            continue
        code = str(attributes.get("otel.status_code", "")).upper()
        facts.spans.add(
            text(process, "serviceName", "service_name"), start, (number(span.get("duration")) or 0.0) / 1e6,
            span=text(span, "spanID"), parent=parent, failed=code == "ERROR" or _http_failed(attributes),
            peer=_peer(attributes, str(attributes.get("span.kind", ""))),
            text=text(attributes, "otel.status_description", "error.message", "message"),
        )  # fmt: skip


def _is_zipkin(record: Record, context: Context) -> bool:
    return "traceId" in record and "id" in record and ("localEndpoint" in record or "annotations" in record)


def _zipkin(record: Record, context: Context, facts: Facts) -> None:
    start = when(record, "timestamp")
    if start is None:
        return
    attributes = tags(record.get("tags"))
    facts.spans.add(
        text(record, "localEndpoint.serviceName"), start, (number(record.get("duration")) or 0.0) / 1e6,
        span=f"{record['traceId']}/{record['id']}/{'s' if _is_shared(record) else ''}",
        parent=_zipkin_parent(record),
        failed="error" in attributes or _http_failed({"http.status_code": attributes.get("http.status_code")}),
        peer=text(record, "remoteEndpoint.serviceName") if text(record, "kind") in _CLIENT else "",
        text=text(attributes, "error"),
    )  # fmt: skip


def _is_shared(record: Record) -> bool:
    return text(record, "kind") == "SERVER" and bool(record.get("shared"))


def _zipkin_parent(record: Record) -> str:
    """A shared span (client and server under one id) has the client's half as its parent."""
    if _is_shared(record):
        return f"{record['traceId']}/{record['id']}/"
    return f"{record['traceId']}/{record['parentId']}/" if record.get("parentId") else ""


SPAN = ("span_id", "spanId", "spanID", "SpanId", "id")
PARENT = (
    "parent_span_id",
    "parentSpanId",
    "parentSpanID",
    "ParentSpanId",
    "parent_span",
    "parent_id",
    "parentId",
    "parent",
)
TRACE = ("trace_id", "traceId", "traceID", "TraceId")
START = ("startTimeMillis", "start_time", "startTime", "start_timestamp", "start", "timestamp", "Timestamp",
"time", "@timestamp",
         "start_time_unix_nano", "startTimeUnixNano")  # fmt: skip
WHO = ("service", "service_name", "serviceName", "ServiceName", "service.name", "cmdb_id", "process.serviceName",
"app", "component",
       "pod", "dsName")  # fmt: skip
DURATION = ("duration", "Duration", "duration_ms", "durationMs", "duration_us", "duration_ns", "durationNano",
"duration_nano", "elapsedTime",
            "elapsed", "latency", "latency_ms", "elapsed_ms")  # fmt: skip


def _is_flat(record: Record, context: Context) -> bool:
    if not (any_of(record, TRACE) and any_of(record, SPAN) and any_of(record, DURATION)):
        return False
    return first(record, *WHO) is not None or any_of(record, ("ResourceAttributes", "resource"))


def _flat(record: Record, context: Context, facts: Facts) -> None:
    start = when(record, *START)
    key = next((k for k in DURATION if first(record, k) is not None), "")
    took = number(first(record, key)) if key else None
    if start is None or took is None:
        return
    attributes = {**tags(first(record, "SpanAttributes", "attributes", "tags"))}
    who = text(record, *WHO) or names.of_labels(tags(first(record, "ResourceAttributes", "resource")))
    code = text(record, "status_code", "statusCode", "StatusCode", "status", "status.code")
    resource = tags(first(record, "ResourceAttributes", "resource"))
    facts.runs_on(text(resource, "k8s.pod.name"), text(resource, "k8s.node.name"))
    facts.spans.add(
        who, start, took * _unit(key, record),
        span=text(record, *SPAN), parent=text(record, *PARENT),
        failed=_code_failed(code) or _http_failed(attributes) or str(record.get("error", "")).lower() in ("true", "1"),
        peer=_peer(attributes, text(record, "SpanKind", "kind", "span_kind")),
        text=text(record, "StatusMessage", "status_message", "error_message", "status.message"),
    )  # fmt: skip


def _unit(key: str, record: Record) -> float:
    """Seconds in one unit of a duration: from the field's name, else as the format that has such fields means it."""
    low = key.lower()
    if "nano" in low or low.endswith("_ns") or key == "Duration":
        return 1e-9
    if low.endswith("_us") or "startTimeMillis" in record or "parentSpanID" in record:
        return 1e-6
    return 1e-3


def _code_failed(code: str) -> bool:
    low = code.strip().lower()
    if low in _WELL or not low:
        return False
    value = number(low)
    if value is not None:
        return value >= 500 or (value not in (2, 200) and 0 < value < 17 and value != 1) or value == 2
    return (
        "err" in low
        or "fail" in low
        or low in ("unavailable", "internal", "deadlineexceeded", "unknown", "aborted")
    )


def _is_dependency(record: Record, context: Context) -> bool:
    return (
        set(record) >= {"parent", "child"}
        and isinstance(record["parent"], str)
        and isinstance(record["child"], str)
    )


def _dependency(record: Record, context: Context, facts: Facts) -> None:
    facts.edge(record["parent"], record["child"])


SHAPES = (
    Shape("traces (OTLP)", _is_otlp, _otlp),
    Shape("traces (Jaeger)", _is_jaeger, _jaeger),
    Shape("traces (Zipkin)", _is_zipkin, _zipkin),
    Shape("traces (rows)", _is_flat, _flat),
    Shape("call counts", _is_dependency, _dependency),
)
