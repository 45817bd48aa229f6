"""REST: incidents, read only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from incidents.models import OPEN_STATES, Incident

router = Router(tags=["incidents"])
READ = "incidents.view_incident"
PAGE = 100


class IncidentOut(Schema):
    number: int
    system: str
    title: str
    severity: str
    category: str
    state: str
    started_at: datetime
    opened_at: datetime
    resolved_at: datetime | None
    headline: str
    cause: str
    standing: str
    diagnosis: str
    confidence: float | None
    summary: str


class EventOut(Schema):
    seq: int
    at: datetime
    kind: str
    actor: str
    title: str
    body: str
    data: dict[str, Any]


class SymptomOut(Schema):
    signal: str
    service: str
    label: str
    title: str
    text: str
    value: float | None
    first_seen: datetime
    cleared_at: datetime | None


class IncidentFull(IncidentOut):
    """`hypotheses`: the bars, the leading one first; see incidents/verdict.py."""

    hypotheses: list[Any]
    repaired: list[Any]
    failed: list[Any]
    symptoms: list[SymptomOut]
    events: list[EventOut]
    actions: list[str]


def _short(incident: Incident) -> dict[str, Any]:
    names = ("number", "title", "severity", "category", "state", "started_at", "opened_at", "resolved_at")
    verdict = incident.verdict
    told = {
        name: getattr(verdict, name) for name in ("headline", "cause", "standing", "diagnosis", "confidence")
    }
    facts = {name: getattr(incident, name) for name in names}
    return {"system": incident.system.slug, "summary": verdict.headline, **facts, **told}


@router.get("/incidents", response=list[IncidentOut], summary="Incidents, newest first")
def incidents(
    request: HttpRequest,
    open: bool | None = None,
    system: str = "",
    before: int | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    """`open`: true = only open ones, false = only resolved ones. `before`: numbers below this (paging)."""
    request.require(READ)  # type: ignore[attr-defined]
    found = Incident.objects.select_related("system")
    if open is not None:
        found = found.filter(state__in=OPEN_STATES) if open else found.exclude(state__in=OPEN_STATES)
    if system:
        found = found.filter(system__slug=system)
    if before is not None:
        found = found.filter(number__lt=before)
    return [_short(i) for i in found[: max(1, min(limit, PAGE))]]


@router.get("/incidents/{int:number}", response=IncidentFull, summary="One incident with its timeline")
def incident(request: HttpRequest, number: int) -> dict[str, Any]:
    request.require(READ)  # type: ignore[attr-defined]
    found = Incident.objects.select_related("system").get(number=number)
    return _short(found) | {
        "hypotheses": found.verdict.bars,
        "repaired": found.verdict.repaired,
        "failed": found.verdict.failed,
        "symptoms": list(found.symptoms.values()),
        "events": list(found.events.values()),
        "actions": [f"/action/{pk}" for pk in found.action_requests.values_list("pk", flat=True)],
    }
