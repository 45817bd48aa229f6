"""Alerts and monitors: Alertmanager, Grafana, Datadog, CloudWatch alarms, Prometheus' own list, PagerDuty-like ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from incidents.foreign import names
from incidents.foreign.facts import Alert, Facts
from incidents.foreign.shapes.base import Context, Record, Shape, first, tags, text, when

FIRING = frozenset({"firing", "alerting", "alert", "active", "triggered", "open", "critical", "error", "problem",
"in_alarm", "alarm", "warn",
                    "warning", "pending", "acknowledged"})  # fmt: skip
_QUERY_TAG = re.compile(
    r"(?:service|kube_deployment|kube_service|kube_stateful_set|kube_pod|pod|pod_name|deployment|app|container|kube_node|host|node|"
    r"dbinstanceidentifier|job|instance)\s*[:=]~?\s*\"?([\w.*-]+)"
)
_NOT_A_PART = ("severity", "alertname", "team", "cluster", "cluster_name", "env", "region", "namespace",
"kube_namespace", "pipeline_name",
               "monitor_type", "managed_by", "prometheus")  # fmt: skip


def _labels(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("commonLabels", "groupLabels", "labels", "tags", "annotations", "commonAnnotations"):
        found = {**tags(record.get(key)), **found}
    return found


def _words(record: Record) -> str:
    notes = {**tags(record.get("commonAnnotations")), **tags(record.get("annotations"))}
    said = [text(notes, k) for k in ("summary", "description", "message", "error")]
    return " ".join([text(record, "title", "name", "AlarmName", "body", "message"), *said]).strip()[:1500]


def _alert(
    record: Record, labels: dict[str, Any], state: str, facts: Facts, *, measured: bool = False
) -> None:
    query = text(record, "query", "expr", "generatorQuery", "Metrics", "valueString")
    name = text(labels, "alertname") or text(
        record, "name", "title", "AlarmName", "rule_name", "ruleName", "event_title", "labels.alertname"
    )
    component = names.of_labels(labels) or text(
        record, "service", "component", "service.summary", "host", "entity"
    )
    if not component and (found := _QUERY_TAG.search(query)):
        component = found[1].strip("*")
    dimensions = tags(first(record, "Trigger.Dimensions", "Dimensions", "dimensions"))
    component = component or names.of_labels(dimensions) or next((str(v) for v in dimensions.values()), "")
    firing = state.lower() in FIRING
    at = when(record, "startsAt", "activeAt", "StateChangeTime", "StateUpdatedTimestamp", "starts_at",
    "triggered_at", "fired_at", "created_at",
              "date_happened", "last_triggered_ts", "timestamp", "time", "at", "date",
              "overall_state_modified")  # fmt: skip
    until = when(record, "endsAt", "resolved_at", "ends_at") if not firing else None
    speaks = [
        str(v)
        for k, v in labels.items()
        if isinstance(v, str) and k not in _NOT_A_PART and len(v) < 100 and " " not in v
    ]
    said = _words(record)
    if not (name or component or said):
        return
    facts.add(
        facts.alerts,
        Alert(name, component, firing, said, at, until, measured, query, tuple(dict.fromkeys(speaks))),
    )
    workload = text(labels, "workload_name", "kube_deployment", "deployment", "service")
    if workload:
        facts.workloads.add(workload)


def _is_grouped(record: Record, context: Context) -> bool:
    return "commonLabels" in record or (
        isinstance(record.get("alerts"), list) and ("receiver" in record or "groupKey" in record)
    )


def _grouped(record: Record, context: Context, facts: Facts) -> None:
    """A webhook: the alerts in it, or the whole of it when it has none."""
    inner = [a for a in record.get("alerts") or [] if isinstance(a, Mapping)]
    for alert in inner:
        merged = {**tags(record.get("commonLabels")), **_labels(alert)}
        _alert(
            {**alert, "title": text(alert, "title") or text(record, "title")},
            merged,
            text(alert, "status") or text(record, "status", "state"),
            facts,
        )
    if not inner:
        _alert(record, _labels(record), text(record, "state", "status") or "alerting", facts)


def _is_alert(record: Record, context: Context) -> bool:
    if isinstance(record.get("labels"), Mapping) and (
        "annotations" in record or "startsAt" in record or "activeAt" in record
    ):
        return any(k in record for k in ("status", "state", "startsAt", "activeAt")) and "kind" not in record
    return "alertname" in record


def _single(record: Record, context: Context, facts: Facts) -> None:
    state: Any = first(record, "state", "status")
    if isinstance(state, Mapping):
        state = first(state, "state")
    labels = {
        **{k: v for k, v in record.items() if isinstance(v, str) and "alertname" in record},
        **_labels(record),
    }
    until = when(record, "endsAt")
    now = first(record, "endsAt")
    ended = until is not None and state is None and str(now) > "1"
    _alert(record, labels, str(state or ("resolved" if ended else "firing")), facts)


def _is_monitor(record: Record, context: Context) -> bool:
    return "overall_state" in record or (
        "query" in record and "name" in record and any(k in record for k in ("state", "status"))
    )


def _monitor(record: Record, context: Context, facts: Facts) -> None:
    state = text(record, "overall_state", "state", "status")
    labels = {**tags(record.get("tags")), **tags(record.get("labels"))}
    if state.lower() in ("no data", "ignored", "skipped", "unknown", ""):
        return
    _alert(record, labels, "alert" if state.lower() in FIRING else "ok", facts, measured=True)


def _is_alarm(record: Record, context: Context) -> bool:
    return "AlarmName" in record and any(k in record for k in ("StateValue", "NewStateValue"))


def _alarm(record: Record, context: Context, facts: Facts) -> None:
    state = text(record, "NewStateValue", "StateValue")
    if state != "INSUFFICIENT_DATA":
        _alert(record, tags(record.get("tags")), "alarm" if state == "ALARM" else "ok", facts, measured=True)


def _is_incident(record: Record, context: Context) -> bool:
    if any(
        "alert" in k.lower() or "monitor" in k.lower() or "incident" in k.lower()
        for k in (*context.keys, context.file)
    ):
        named = any(k in record for k in ("title", "name", "alert_name", "summary", "rule_name"))
        return named and any(
            k in record for k in ("severity", "status", "state", "alert_type", "urgency", "priority")
        )
    return "alert_type" in record or ("event_type" in record and "monitor_id" in record)


def _incident(record: Record, context: Context, facts: Facts) -> None:
    labels = {**{k: v for k, v in record.items() if isinstance(v, str)}, **_labels(record)}
    state = text(record, "state", "status", "alert_type") or "firing"
    resolved = state.lower() in (
        "resolved",
        "ok",
        "closed",
        "normal",
        "inactive",
        "success",
        "recovered",
        "recovery",
    )
    _alert(
        {"name": text(record, "alert_name", "summary"), **record},
        labels,
        "resolved" if resolved else "firing",
        facts,
    )


SHAPES = (
    Shape("alerts (webhook)", _is_grouped, _grouped),
    Shape("alarms (CloudWatch)", _is_alarm, _alarm),
    Shape("monitors", _is_monitor, _monitor),
    Shape("alerts", _is_alert, _single),
    Shape("alerts (plain)", _is_incident, _incident),
)
