"""Kubernetes: events and objects, as the API gives them and as exports flatten them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.foreign.facts import Event, Facts, ObjectState
from incidents.foreign.shapes import k8sstates as states
from incidents.foreign.shapes.base import Context, Record, Shape, first, has, number, text, when

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout")


def _subject(record: Record) -> str:
    found = first(record, "involved_object", "involvedObject", "regarding", "object", "obj")
    if isinstance(found, Mapping):
        kind, name = text(found, "kind"), text(found, "name")
        return f"{kind}/{name}" if kind else name
    if isinstance(found, str) and found:
        return found
    kind, name = (
        text(record, "involvedKind", "object_kind", "kind"),
        text(record, "involvedName", "object_name", "name", "pod"),
    )
    return f"{kind}/{name}" if kind and kind != "Event" else name


def _is_event(record: Record, context: Context) -> bool:
    if "reason" not in record or not (first(record, "message", "note", "msg")):
        return False
    names = ("involved_object", "involvedObject", "regarding", "object", "involvedName", "object_name", "obj")
    return any(n in record for n in names) or text(record, "type") in ("Warning", "Normal")


def _event(record: Record, context: Context, facts: Facts) -> None:
    series = record.get("series") if isinstance(record.get("series"), Mapping) else {}
    first_at = when(record, "first_time", "firstTimestamp", "first_timestamp", "first_seen", "firstSeen", "eventTime",
                    "deprecatedFirstTimestamp", "event_time", "timestamp", "time", "creationTimestamp",
                    "metadata.creationTimestamp", "Timestamp")  # fmt: skip
    last_at = when(series or {}, "lastObservedTime") or when(
        record,
        "last_time",
        "lastTimestamp",
        "last_timestamp",
        "last_seen",
        "lastSeen",
        "deprecatedLastTimestamp",
    )
    count = number(first(series or {}, "count")) or number(first(record, "count", "deprecatedCount")) or 1
    kind = text(record, "type", "event_type")
    facts.add(facts.events, Event(
        subject=_subject(record),
        reason=text(record, "reason"),
        message=text(record, "message", "note", "msg"),
        first=first_at if first_at is not None else last_at,
        last=last_at if last_at is not None else first_at,
        count=int(min(count, 1e6)),
        warning=kind.lower() != "normal",
        namespace=text(record, "namespace", "metadata.namespace", "involvedObject.namespace"),
    ))  # fmt: skip


def _is_object(record: Record, context: Context) -> bool:
    return has(record, "kind", "metadata") and isinstance(record["metadata"], Mapping)


def _object(record: Record, context: Context, facts: Facts) -> None:
    kind = str(record["kind"])
    if kind.endswith("List") and isinstance(record.get("items"), list):
        for item in record["items"]:
            if isinstance(item, Mapping):
                context.walk({"kind": kind.removesuffix("List"), **item}, context.inside("items", {}))
        return
    name = text(record, "metadata.name")
    if kind == "Event":
        _event(record, context, facts)
    elif kind == "Pod":
        states.pod(record, name, facts)
    elif kind in WORKLOADS:
        states.workload(record, kind, name, facts)
    elif kind == "Node":
        states.node(name, states.conditions(first(record, "status.conditions")), facts)
    elif kind in ("Service", "Ingress", "Job", "CronJob", "HorizontalPodAutoscaler", "PersistentVolumeClaim"):
        states.other(record, kind, name, facts)


def _is_watched(record: Record, context: Context) -> bool:
    """A watch's envelope, and the rows of collectors: the object is one level down."""
    inner = first(record, "object", "Body", "body", "_source", "k8s_object")
    return isinstance(inner, Mapping) and ("metadata" in inner or ("reason" in inner and "message" in inner) or (
        isinstance(inner.get("object"), Mapping) and "metadata" in inner["object"]
    ))  # fmt: skip


def _watched(record: Record, context: Context, facts: Facts) -> None:
    inner: Any = first(record, "object", "Body", "body", "_source", "k8s_object")
    if isinstance(inner.get("object"), Mapping):
        inner = inner["object"]
    context.walk(inner, context.inside("object", {}))


def _is_flat_pod(record: Record, context: Context) -> bool:
    return has(record, "name", "phase") or (
        has(record, "containers", "name") and isinstance(record["containers"], list)
    )


def _is_flat_workload(record: Record, context: Context) -> bool:
    return "name" in record and any(
        k in record for k in ("desired", "desired_replicas", "replicas_desired", "desiredReplicas")
    ) and any(k in record for k in ("ready", "available", "ready_replicas", "readyReplicas",
    "unavailable"))  # fmt: skip


def _flat_workload(record: Record, context: Context, facts: Facts) -> None:
    want = number(first(record, "desired", "desired_replicas", "replicas_desired", "desiredReplicas")) or 0
    have = number(first(record, "ready", "ready_replicas", "readyReplicas"))
    free = number(first(record, "available", "available_replicas", "availableReplicas"))
    counts = [n for n in (have, free) if n is not None]
    away = number(first(record, "unavailable", "unavailable_replicas", "unavailableReplicas")) or 0
    well = not counts or (min(counts) >= want and away <= 0)
    kind = text(record, "kind") or "Deployment"
    says = [] if well else [f"{kind} {record['name']}: {min(counts):.0f} of {want:.0f} replicas ready"]
    says += states.bad_conditions(states.conditions(record.get("conditions")))
    facts.workloads.add(str(record["name"]))
    facts.add(facts.objects, ObjectState(kind, str(record["name"]), well, tuple(says)))


def _is_flat_node(record: Record, context: Context) -> bool:
    if "name" not in record and "node" not in record:
        return False
    return any(
        k in record
        for k in ("memory_pressure", "disk_pressure", "MemoryPressure", "allocatable_cpu", "kubelet_version")
    )


def _flat_node(record: Record, context: Context, facts: Facts) -> None:
    found = {
        "Ready": text(record, "ready", "Ready", "status"),
        "MemoryPressure": text(record, "memory_pressure", "MemoryPressure"),
        "DiskPressure": text(record, "disk_pressure", "DiskPressure"),
        "PIDPressure": text(record, "pid_pressure", "PIDPressure"),
        "NetworkUnavailable": text(record, "network_unavailable", "NetworkUnavailable"),
    }
    rows = [{"type": k, "status": "True" if v in ("Ready", "true") else v} for k, v in found.items() if v]
    rows += states.conditions(record.get("conditions"))
    states.node(str(first(record, "name", "node")), rows, facts)


def _is_pod_log(record: Record, context: Context) -> bool:
    return isinstance(first(record, "logs", "log"), str) and any(
        k in record for k in ("pod_name", "pod", "container", "podName")
    )  # fmt: skip


def _pod_log(record: Record, context: Context, facts: Facts) -> None:
    from incidents.foreign.textlogs import take_lines

    name = text(record, "pod_name", "podName", "pod", "container")
    take_lines(str(first(record, "logs", "log")).splitlines(), name, facts)


def _flat_pod(record: Record, context: Context, facts: Facts) -> None:
    states.flat_pod(record, facts)


def _is_rds_event(record: Record, context: Context) -> bool:
    return any(k in record for k in ("source_identifier", "SourceIdentifier")) and "essage" in "".join(
        map(str, record)
    )


def _rds_event(record: Record, context: Context, facts: Facts) -> None:
    kinds = first(record, "event_categories", "EventCategories") or []
    at = when(record, "date", "Date")
    facts.add(facts.events, Event(
        text(record, "source_identifier", "SourceIdentifier"),
        " ".join(str(k) for k in kinds) if isinstance(kinds, list) else str(kinds),
        text(record, "message", "Message"), at, at,
        warning=not kinds or not set(map(str, kinds)) <= {"notification", "backup", "maintenance", "recovery",
        "configuration change", "creation"},
    ))  # fmt: skip


SHAPES = (
    Shape("Kubernetes objects", _is_object, _object),
    Shape("Kubernetes objects", _is_watched, _watched),
    Shape("Kubernetes events", _is_event, _event),
    Shape("pod logs", _is_pod_log, _pod_log),
    Shape("Kubernetes pods", _is_flat_pod, _flat_pod),
    Shape("Kubernetes workloads", _is_flat_workload, _flat_workload),
    Shape("Kubernetes nodes", _is_flat_node, _flat_node),
    Shape("cloud service events", _is_rds_event, _rds_event),
)
