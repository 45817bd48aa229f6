"""REST: incidents, and what people do with them. The same rights and rules as the buttons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import HttpError

from actions.apibody import Body
from incidents import people, weighed
from incidents.findings import Repair
from incidents.models import OPEN_STATES, Incident, Severity
from incidents.openings import Opening
from incidents.people_views import MAX_NUMBER, named
from incidents.verdict import Bar

router = Router(tags=["incidents"])
READ, RESPOND = "incidents.view_incident", "incidents.respond_incident"
PAGE, EVENTS, SYMPTOMS = 100, 500, 200


class IncidentOut(Schema):
    """`started_at`, `opened_at`, `resolved_at`: of the newest opening. `flaps`: how often it came back within ten
    minutes of being over; `reopened`: how often a person opened it again; `reopened_at`: the last time of either."""

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
    owner: str | None
    severity_by: str
    merged_into: int | None
    reopened: int
    reopened_at: datetime | None
    flaps: int


class EventOut(Schema):
    seq: int
    at: datetime
    kind: str
    actor: str
    title: str
    body: str
    data: dict[str, Any]


class SymptomOut(Schema):
    """`given_up`: at `cleared_at` it could not be read any more; whether it is over is not known."""

    signal: str
    service: str
    label: str
    title: str
    text: str
    value: float | None
    first_seen: datetime
    cleared_at: datetime | None
    given_up: bool


class IncidentFull(IncidentOut):
    """`hypotheses`: the bars, the leading one first; see incidents/verdict.py. `openings`: the earlier times that it
    was open, oldest first; `back_as`: the number under which it was noticed when it came back after that. `events`: in
    order, those after `events_after`; `events_next`: what to ask for as `events_after` then, null: that was all.
    `symptoms`: those that hold, then the latest; of more than 200 the first, `symptom_count` says how many."""

    openings: list[Opening]
    hypotheses: list[Bar]
    repaired: list[Repair]
    failed: list[Repair]
    symptoms: list[SymptomOut]
    symptom_count: int
    events: list[EventOut]
    events_next: int | None
    actions: list[str]


def _short(incident: Incident) -> dict[str, Any]:
    names = ("number", "title", "severity", "category", "state", "started_at", "opened_at", "resolved_at")
    verdict = incident.verdict
    told = {
        name: getattr(verdict, name) for name in ("headline", "cause", "standing", "diagnosis", "confidence")
    }
    facts = {
        name: getattr(incident, name) for name in (*names, "severity_by", "reopened", "reopened_at", "flaps")
    }
    who: dict[str, Any] = {"system": incident.system.slug, "merged_into": incident.merged_into_id}
    who["owner"] = incident.owner.get_username() if incident.owner else None
    return {**who, "summary": verdict.headline, **facts, **told}


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
    found = Incident.objects.select_related("system", "owner")
    if open is not None:
        found = found.filter(state__in=OPEN_STATES) if open else found.exclude(state__in=OPEN_STATES)
    if system:
        found = found.filter(system__slug=system)
    if before is not None:
        found = found.filter(number__lt=before)
    return [_short(i) for i in found[: max(1, min(limit, PAGE))]]


@router.get("/incidents/{int:number}", response=IncidentFull, summary="One incident with its timeline")
def incident(request: HttpRequest, number: int, events_after: int = 0, limit: int = EVENTS) -> dict[str, Any]:
    request.require(READ)  # type: ignore[attr-defined]
    found = Incident.objects.select_related("system", "owner").get(number=number)
    events = list(found.events.filter(seq__gt=events_after).order_by("seq")[: max(1, min(limit, EVENTS))])
    symptoms = list(found.symptoms.order_by(F("cleared_at").desc(nulls_first=True), "first_seen"))
    return _short(found) | {
        "openings": found.openings,
        "hypotheses": weighed.bars(found, symptoms),
        "repaired": found.verdict.repaired,
        "failed": found.verdict.failed,
        "symptoms": symptoms[:SYMPTOMS],
        "symptom_count": len(symptoms),
        "events": events,
        "events_next": events[-1].seq if events and events[-1].seq < found.last_seq else None,
        "actions": [f"/action/{pk}" for pk in found.action_requests.values_list("pk", flat=True)],
    }


class Resolve(Body):
    """`note`: what the cause was and what mended it; the postmortem quotes it."""

    note: str


class Merge(Body):
    """`into`: the number of the incident that goes on."""

    into: int = Field(ge=1, le=MAX_NUMBER)
    note: str = ""


class Assign(Body):
    """`to`: somebody's name; empty for nobody."""

    to: str = ""


class SetSeverity(Body):
    severity: Severity
    note: str = ""


class Reopen(Body):
    """`to`: `me`, or `agent` to let it look again."""

    note: str
    to: str = "me"


def _done(number: int, work: Callable[[], Incident]) -> dict[str, Any]:
    """Its answer; 409 with the reason when it is not possible as the incident is now."""
    try:
        work()
    except people.NotPossible as error:
        raise HttpError(409, str(error)) from error
    return _short(Incident.objects.select_related("system", "owner").get(pk=number))


@router.post("/incidents/{int:number}/resolve", response=IncidentOut, summary="Close it, with the cause")
def resolve(request: HttpRequest, number: int, body: Resolve) -> dict[str, Any]:
    user = request.require(RESPOND)  # type: ignore[attr-defined]
    return _done(number, lambda: people.resolve(number, user, body.note))


@router.post("/incidents/{int:number}/merge", response=IncidentOut, summary="Make it part of another one")
def merge(request: HttpRequest, number: int, body: Merge) -> dict[str, Any]:
    user = request.require(RESPOND)  # type: ignore[attr-defined]
    return _done(number, lambda: people.merge(number, body.into, user, body.note))


@router.post("/incidents/{int:number}/assign", response=IncidentOut, summary="Give it to somebody")
def assign(request: HttpRequest, number: int, body: Assign) -> dict[str, Any]:
    user = request.require(RESPOND)  # type: ignore[attr-defined]
    return _done(number, lambda: people.assign(number, user, named(body.to)))


@router.post("/incidents/{int:number}/severity", response=IncidentOut, summary="Say how bad it is")
def set_severity(request: HttpRequest, number: int, body: SetSeverity) -> dict[str, Any]:
    user = request.require(RESPOND)  # type: ignore[attr-defined]
    return _done(number, lambda: people.set_severity(number, user, body.severity, body.note))


@router.post("/incidents/{int:number}/reopen", response=IncidentOut, summary="Open a resolved one again")
def reopen(request: HttpRequest, number: int, body: Reopen) -> dict[str, Any]:
    user = request.require(RESPOND)  # type: ignore[attr-defined]
    return _done(number, lambda: people.reopen(number, user, body.note, body.to))
