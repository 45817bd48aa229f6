"""How pods, workloads and nodes stand, from their status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.foreign.facts import Facts, ObjectState
from incidents.foreign.shapes.base import Record, first, number, text, when

# States of a container that pass by themselves.
_PASSING = frozenset({"", "ContainerCreating", "PodInitializing", "Completed"})
_GOOD_WHEN_FALSE = frozenset({
    "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "ReplicaFailure", "KernelDeadlock",
    "ReadonlyFilesystem", "FrequentKubeletRestart", "Stalled", "Failed",
})  # fmt: skip


def conditions(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, Mapping):  # {"Ready": "True"}
        return [{"type": str(k), "status": v} for k, v in value.items() if isinstance(v, str | bool)]
    return [dict(c) for c in value if isinstance(c, Mapping)] if isinstance(value, list) else []


def bad_conditions(found: list[dict[str, Any]]) -> list[str]:
    """In words, those that say that something is wrong."""
    said = []
    for condition in found:
        kind, status = str(condition.get("type", "")), str(condition.get("status", "")).lower()
        good = "false" if kind in _GOOD_WHEN_FALSE or kind.endswith("Pressure") else "true"
        if kind and status and status != good:
            why = " ".join(str(condition.get(k) or "") for k in ("reason", "message")).strip()
            said.append(f"{kind} is {condition['status']}" + (f": {why}" if why else ""))
    return said


def owner_of(record: Record) -> str:
    owners = first(record, "metadata.ownerReferences", "ownerReferences", "owner_references")
    if isinstance(owners, list) and owners and isinstance(owners[0], Mapping):
        return text(owners[0], "name")
    return text(record, "owner", "deployment", "workload", "owner_name")


def pod(record: Record, name: str, facts: Facts) -> None:
    """As the API has it."""
    statuses = first(record, "status.containerStatuses") or []
    initial = first(record, "status.initContainerStatuses") or []
    rows = [s for s in [*initial, *statuses] if isinstance(s, Mapping)]
    _pod(
        name,
        text(record, "status.phase"),
        [_container(s) for s in rows],
        conditions(first(record, "status.conditions")),
        facts,
        owner=owner_of(record),
        node=text(record, "spec.nodeName"),
        leaving=bool(first(record, "metadata.deletionTimestamp")),
        since=when(record, "status.startTime", "metadata.creationTimestamp"),
        why=f"{text(record, 'status.reason')} {text(record, 'status.message')}".strip(),
    )
    label = first(record, "metadata.labels")
    if isinstance(label, Mapping) and not owner_of(record):
        app = text(label, "app.kubernetes.io/name", "app", "k8s-app")
        if app:
            facts.workloads.add(app)


def _container(status: Mapping[str, Any]) -> dict[str, Any]:
    """One form for both: {"name", "ready", "restarts", "reason", "message", "exit", "last", "since", "initial"}."""
    state = first(status, "state") or {}
    state = state if isinstance(state, Mapping) else {}
    inner: Mapping[str, Any] = {}
    running = False
    for kind in ("waiting", "terminated", "running"):
        if isinstance(state.get(kind), Mapping):
            inner, running = state[kind], kind == "running"
        elif state.get(kind) is True:
            inner, running = state, kind == "running"
    last = first(
        status, "lastState.terminated", "last_state.terminated", "last_state", "lastState", "last_termination"
    )
    last = last if isinstance(last, Mapping) else {}
    return {
        "name": text(status, "name"),
        "ready": status.get("ready"),
        "restarts": int(number(first(status, "restartCount", "restart_count", "restarts")) or 0),
        "running": running,
        "reason": text(inner, "reason") or ("" if running else text(status, "reason", "state_reason")),
        "message": text(inner, "message"),
        "exit": number(first(inner, "exitCode", "exit_code")) if not running else None,
        "last": f"{text(last, 'reason')} {_exit(first(last, 'exitCode', 'exit_code'))} {text(last, 'message')}".strip(),
        "since": when(inner, "startedAt", "started_at"),
    }


def _exit(code: Any) -> str:
    value = number(code)
    return "" if value is None or value == 0 else f"exit code {value:.0f}"


def flat_pod(record: Record, facts: Facts) -> None:
    """As exports have it: {"name", "phase", "containers": [{"ready", "restart_count", "state"}], "conditions"}."""
    rows = [c for c in record.get("containers", []) or [] if isinstance(c, Mapping)]
    if not rows and "ready" in record:
        rows = [record]
    _pod(
        str(first(record, "name", "pod_name") or ""),
        text(record, "phase", "status"),
        [_container(c) for c in rows],
        conditions(record.get("conditions")),
        facts,
        owner=owner_of(record),
        node=text(record, "node_name", "node", "nodeName"),
        leaving=bool(first(record, "deletion_timestamp", "deletionTimestamp")),
        since=when(record, "start_time", "startTime", "created_at"),
        why=f"{text(record, 'reason')} {text(record, 'message')}".strip(),
    )


def _pod(
    name: str,
    phase: str,
    containers: list[dict[str, Any]],
    found: list[dict[str, Any]],
    facts: Facts,
    *,
    owner: str,
    node: str,
    leaving: bool,
    since: float | None,
    why: str,
) -> None:
    says = [why] if why else []
    well: bool | None = None
    if phase in ("Succeeded", "Completed"):
        well, found = True, []
    elif containers or phase:
        ready = all(c["ready"] is not False and (c["running"] or c["ready"]) for c in containers)
        well = phase in ("Running", "") and ready
    for c in containers:
        says += _says(c)
    bad = [
        c for c in found if str(c.get("type")) in ("PodScheduled", "Ready", "ContainersReady", "Initialized")
    ]
    if not well and phase not in ("Succeeded", "Completed"):
        says += [
            s for s in bad_conditions(bad) if "containers with unready" not in s and "unready status" not in s
        ]
        if phase and phase != "Running":
            says.append(f"phase {phase}")
    started = [c["since"] for c in containers if c["since"] is not None]
    facts.add(facts.objects, ObjectState(
        "Pod", name, well, tuple(says), owner, "" if node in ("unscheduled", "<none>") else node,
        max(started) if started else since, leaving, max([c["restarts"] for c in containers], default=0),
    ))  # fmt: skip
    if node and node not in ("unscheduled", "<none>"):
        facts.runs_on(name, node)
        facts.kinds.setdefault(node, "node")


def _says(c: dict[str, Any]) -> list[str]:
    said = []
    if c["reason"] not in _PASSING or c["message"]:
        said.append(f"{c['reason']} {_exit(c['exit'])} {c['message']}".strip())
    elif c["exit"]:
        said.append(_exit(c["exit"]))
    if c["last"] and (c["ready"] is False or not c["running"]):
        said.append(f"last terminated: {c['last']}")
    return [s for s in said if s]


def workload(record: Record, kind: str, name: str, facts: Facts) -> None:
    """A Deployment or the like, as the API has it."""
    status = first(record, "status") or {}
    status = status if isinstance(status, Mapping) else {}
    want = number(first(record, "spec.replicas", "status.desiredNumberScheduled"))
    have = number(first(status, "readyReplicas", "numberReady", "availableReplicas")) or 0
    away = number(first(status, "unavailableReplicas", "numberUnavailable")) or 0
    says = bad_conditions(conditions(status.get("conditions")))
    well = (
        None if want is None else have >= want and away == 0 and not any("ReplicaFailure" in s for s in says)
    )
    if well is False:
        says.insert(0, f"{kind} {name}: {have:.0f} of {want or 0:.0f} replicas ready")
    if kind != "ReplicaSet":
        facts.workloads.add(name)
    elif not want:
        return  # an old revision
    facts.add(facts.objects, ObjectState(kind, name, well, tuple(says), owner_of(record)))


def node(name: str, found: list[dict[str, Any]], facts: Facts) -> None:
    facts.kinds[name] = "node"
    says = bad_conditions(found)
    status = {str(c.get("type")): str(c.get("status")).lower() for c in found}
    well = None if "Ready" not in status else status["Ready"] == "true" and not says
    facts.add(facts.objects, ObjectState("Node", name, well, tuple(says)))


def other(record: Record, kind: str, name: str, facts: Facts) -> None:
    found = conditions(first(record, "status.conditions"))
    if kind == "Service":
        facts.workloads.add(name)
    says = (
        [s for s in bad_conditions(found) if not s.startswith(("Complete", "Suspended", "Resizing"))]
        if kind != "HorizontalPodAutoscaler"
        else []
    )
    if kind == "PersistentVolumeClaim" and text(record, "status.phase") in ("Pending", "Lost"):
        says.append(f"PersistentVolumeClaim {name} is {text(record, 'status.phase')}")
    if says:
        facts.add(facts.objects, ObjectState(kind, name, False, tuple(says), owner_of(record)))
