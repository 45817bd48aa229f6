"""The one place that holds both the answer key and the agent's answer, after the fact."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from actions.models import ActionRequest, Status
from chaos.faults.base import Fault
from incidents.models import Incident, TimelineEvent
from systems.models import System

EFFECTIVE = (Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN, Status.ROLLED_BACK)
HARMLESS = ("warm-cache", "requeue-inflight")


@dataclass
class Row:
    """One fault, one seed. Seconds count from the injection; None = did not happen."""

    fault: str
    category: str
    seed: int
    detected: bool = False
    detect_s: float | None = None
    component_ok: bool = False
    cause_ok: bool = False
    fixed: bool = False
    repair_s: float | None = None
    paths: int = 0
    approvals: int = 0
    collateral: list[str] = field(default_factory=list)
    note: str = ""
    incident_number: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def grade(row: Row, fault: Fault, system: System, injected_at: datetime) -> None:
    """Fill in what the records say: the incidents opened since the injection and the actions run since."""
    opened = list(Incident.objects.filter(system=system, opened_at__gte=injected_at).order_by("number"))
    if opened:
        row.detected = True
        row.detect_s = round((opened[0].opened_at - injected_at).total_seconds(), 2)
        best = next((i for i in opened if _component_ok(fault, i) and _cause_ok(fault, i)), opened[0])
        row.incident_number = best.number
        row.component_ok, row.cause_ok = _component_ok(fault, best), _cause_ok(fault, best)
        row.note = best.diagnosis or "unknown"
        row.paths = TimelineEvent.objects.filter(
            incident__in=opened, kind="plan", data__has_key="p_success"
        ).count()
    run = ActionRequest.objects.filter(system=system, claimed_at__gte=injected_at, status__in=EFFECTIVE)
    row.approvals = run.filter(risk="high", decision__approved=True).count()
    allowed = {*fault.targets, *fault.expected.components, *fault.may_touch}
    row.collateral = [
        f"{r.slug}@{r.target}" for r in run if r.target not in allowed and r.slug not in HARMLESS
    ]
    if fault.restraint:
        row.collateral = [f"{r.slug}@{r.target}" for r in run]


def _component_ok(fault: Fault, incident: Incident) -> bool:
    return incident.component in fault.expected.components


def _cause_ok(fault: Fault, incident: Incident) -> bool:
    return incident.cause in fault.expected.causes
