"""What is wrong now, what is over, and what only an alert says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.foreign.result import Result
from agent.foreign.service import diagnose

POD = "cart-6d5f7c9b8-abcde"
ALERT = {
    "receiver": "ops", "status": "firing", "groupKey": "{}", "commonLabels": {"alertname": "KubePodCrashLooping"},
    "alerts": [{"status": "firing", "labels": {"alertname": "KubePodCrashLooping", "pod": POD, "namespace": "shop"},
                "annotations": {"summary": "it crashes"}, "startsAt": "2026-05-02T09:45:00Z"}],
}  # fmt: skip


def event(reason: str, message: str, last: str = "10:02", subject: str = f"Pod/{POD}") -> dict[str, Any]:
    kind, _, name = subject.partition("/")
    return {"kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": kind, "name": name},
    "reason": reason,
            "message": message, "type": "Warning", "count": 12, "firstTimestamp": "2026-05-02T09:00:00Z",
            "lastTimestamp": f"2026-05-02T{last}:00Z"}  # fmt: skip


def pod(*, ready: bool, waiting: str = "", last: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    state = (
        {"waiting": {"reason": waiting}} if waiting else {"running": {"startedAt": "2026-05-02T09:30:00Z"}}
    )
    status = {
        "name": "cart",
        "ready": ready,
        "restartCount": 3,
        "state": state,
        "lastState": {"terminated": last or {}},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD,
    "ownerReferences": [{"name": "cart-6d5f7c9b8"}], **more},
            "status": {"phase": "Running", "containerStatuses": [status]}}  # fmt: skip


def flat(*, ready: bool, waiting: str = "", message: str = "") -> dict[str, Any]:
    state = {"waiting": True, "reason": waiting, "message": message} if waiting else {"running": True}
    return {"pods": [{"name": POD, "phase": "Running", "node_name": "n1",
                      "containers": [{"name": "cart", "ready": ready, "restart_count": 3,
                      "state": state}]}]}  # fmt: skip


def said(tmp_path: Path, *documents: Any) -> Result:
    for number, document in enumerate(documents):
        (tmp_path / f"{number}.json").write_text(json.dumps(document))
    return diagnose(tmp_path)


WRONG = {
    "killed for memory": ([pod(ready=False, waiting="CrashLoopBackOff", last={"reason": "OOMKilled", "exitCode": 137})],
                          "cart", "oom_killed"),
    "no image": ([flat(ready=False, waiting="ErrImagePull", message="no such tag"), event("Failed",
    "Failed to pull image")],
                 "cart", "image_unavailable"),
    "a node": ([{"nodes": [{"name": "n1", "ready": "Unknown", "memory_pressure": "False", "disk_pressure": "False"}]},
                event("NodeNotReady", "Node n1 status is now: NodeNotReady", subject="Node/n1")], "n1", "node_down"),
    "a quota": ([{"deployments": [{"name": "cart", "desired": 3, "ready": 2, "available": 2, "unavailable": 1}]},
                 event("FailedCreate", "pods is forbidden: exceeded quota: q", subject="ReplicaSet/cart-6d5f7c9b8")],
                "cart", "quota_exceeded"),
    "rules": ([event("FailedScheduling", "0/3 nodes are available: 3 node(s) had untolerated taint {a: b}.")],
              "cart", "no_node_fits"),
    "its own words": ([flat(ready=False, waiting="CrashLoopBackOff"),
                       {"pod_name": POD, "logs": "2026-05-02T10:01:00Z FATAL required setting PAY_URL is not set\n"}],
                      "cart", "settings_wrong"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_stands_is_the_cause(name: str, tmp_path: Path) -> None:
    documents, component, cause = WRONG[name]
    found = said(tmp_path, ALERT, *documents)
    assert (found.verdict, found.suspects[0].component, found.suspects[0].cause) == (
        "cause",
        component,
        cause,
    )


OVER = {
    "ready again": [pod(ready=True), event("BackOff", "Back-off restarting failed container", "09:29")],
    "taken away": [pod(ready=False, waiting="CrashLoopBackOff", deletionTimestamp="2026-05-02T09:00:00Z"),
                   event("BackOff", "Back-off restarting failed container")],
    "the workload is whole": [{"deployments": [{"name": "cart", "desired": 2, "ready": 2, "available": 2,
    "unavailable": 0}]},
                              event("FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu")],
    "long ago": [event("Unhealthy", "Liveness probe failed: refused", "09:20"),
                 {"logs": [{"timestamp": "2026-05-02T10:00:00Z", "service": "cart", "status": "info",
                 "message": "GET / 200"}]}],
}  # fmt: skip


@pytest.mark.parametrize("name", OVER)
def test_what_has_recovered_is_history_with_its_reason(name: str, tmp_path: Path) -> None:
    found = said(tmp_path, ALERT, *OVER[name])
    assert found.verdict == "healthy", found.as_json()
    assert found.history


def test_an_alert_alone_is_no_cause(tmp_path: Path) -> None:
    found = said(tmp_path, ALERT)
    assert (found.verdict, found.suspects) == ("unknown", [])
