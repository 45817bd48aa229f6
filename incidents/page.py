"""The page of an incident: what its parts are made of, and those parts for everybody with the same rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, Q

from incidents import evidence, shown, weighed
from incidents.facts import DryRun, Noted, Passages, Planned, Weighed
from incidents.memo import memo
from incidents.models import OPEN_STATES, Incident, Severity, TimelineEvent
from incidents.shown import NothingThere, Rights
from incidents.standing import standing
from incidents.steps import steps
from incidents.timeline import told

RESPOND = "incidents.respond_incident"
RIGHTS = (RESPOND, "incidents.export_incident", "actions.approve_action", "actions.run_action")
PAGE = 150  # events
MOST_SINCE = 300  # in one answer
MOST_EVENTS = 1000  # in one answer, when somebody follows a link to an old one
AT_ONCE = 60  # events that are sent; after more the page fetches them
SHOWN_SYMPTOMS, MOST_SYMPTOMS = 60, 1000
FRESH_S = 1.0
# What the parts beside the timeline are told by: every move, the newest of the others. Reading all of a timeline
# for a handful of them is what made a busy incident slow.
ALL_OF = (TimelineEvent.Kind.STATE,)
NEWEST_OF = (
    TimelineEvent.Kind.PLAN,
    TimelineEvent.Kind.VERIFY,
    TimelineEvent.Kind.HYPOTHESES,
    TimelineEvent.Kind.RUNBOOK,
)
NEWEST = 12
PARTS = {"head": "incidents/_head.html", "ask": "incidents/_ask.html", "side": "incidents/_side.html"}


def found(number: int) -> Incident | None:
    return Incident.objects.select_related("system", "owner", "postmortem").filter(pk=number).first()


def telling(incident: Incident) -> list[TimelineEvent]:
    """The events that the parts beside the timeline are made of, newest first."""
    mine = incident.events.order_by("-seq")
    wanted = Q(kind__in=ALL_OF) | Q(kind=TimelineEvent.Kind.NOTE, data__beside__isnull=False)
    for kind in NEWEST_OF:
        wanted |= Q(pk__in=mine.filter(kind=kind).values("pk")[:NEWEST])
    return list(mine.filter(wanted))


def newest(incident: Incident) -> list[TimelineEvent]:
    """What the page begins with, newest first."""
    return list(incident.events.order_by("-seq")[:PAGE])


def since(incident: Incident, after: int) -> list[TimelineEvent]:
    """The next ones after that number, newest first. Of many the older: who then asks again has no gap."""
    return list(incident.events.filter(seq__gt=after).order_by("seq")[:MOST_SINCE])[::-1]


def older(incident: Incident, before: int, down_to: int | None = None) -> list[TimelineEvent]:
    """The page of events before `before`, newest first; down to that number where one is asked for."""
    lowest = max(before - PAGE, 1)
    if down_to is not None:
        lowest = max(min(lowest, down_to), before - MOST_EVENTS)
    return list(incident.events.filter(seq__lt=before, seq__gte=lowest).order_by("-seq"))


def context(incident: Incident, *, may_respond: bool, events: Sequence[TimelineEvent] = ()) -> dict[str, Any]:
    """All but the timeline. `events`: the newest, where they have been read already."""
    requests = list(
        incident.action_requests.select_related("system", "decision", "decision__by").order_by("requested_at")
    )
    if not events or events[-1].seq > 1:  # not the whole story
        events = telling(incident)
    open_first = (F("cleared_at").desc(nulls_first=True), "first_seen")
    symptoms = list(incident.symptoms.order_by(*open_first)[:MOST_SYMPTOMS])
    picture = evidence.picture(incident.system.slug)
    now = [standing(s, picture) for s in symptoms]
    return {
        "incident": incident,
        "steps": steps(incident, events, requests),
        "symptoms": list(zip(symptoms, now, strict=True))[:SHOWN_SYMPTOMS],
        "symptom_count": len(symptoms),
        "open_symptoms": now.count("holds"),
        "unread_symptoms": now.count("unread"),
        "hypotheses": weighed.bars(incident, symptoms),
        "weighed_at": next((e.at for e in events if e.kind == TimelineEvent.Kind.HYPOTHESES), None),
        "questions": next((f.questions for f in told(events, Weighed)), []),
        "passages": next((f.passages for f in told(events, Passages)), []),
        "plan": _plan(events, requests),
        "waiting": [r for r in requests if r.status == "waiting"],
        "requests": requests,
        "similar": _similar(incident),
        "beside": sorted({f.beside for f in told(events, Noted) if f.beside is not None}),
        **_respond(incident, may_respond),
    }


def _respond(incident: Incident, may_respond: bool) -> dict[str, Any]:
    """What a person may do with it, and with whom."""
    parts = list(incident.merged.order_by("number").values_list("number", flat=True))
    if not may_respond:
        return {"may_respond": False, "parts": parts}
    people = User.objects.with_perm(RESPOND, backend="django.contrib.auth.backends.ModelBackend")
    others = Incident.objects.filter(system=incident.system_id, state__in=OPEN_STATES)
    return {
        "may_respond": True,
        "parts": parts,
        "responders": people.order_by("username")[:200] if incident.is_open else [],
        "others": others.exclude(pk=incident.pk)[:20] if incident.is_open else [],
        "severities": Severity.choices,
    }


@dataclass(frozen=True)
class _Plan:
    """The newest plan. `steps`: each with the request that carries it out, if there is one by now."""

    event: TimelineEvent
    facts: Planned
    steps: list[tuple[DryRun, Any]]


def _plan(events: Sequence[TimelineEvent], requests: list[Any]) -> _Plan | None:
    for event in events:
        if event.kind == Planned.kind and isinstance(facts := event.facts, Planned) and facts.steps:
            later = [r for r in requests if r.requested_at >= event.at and r.undo_of_id is None]
            return _Plan(event, facts, [(step, _carries_out(step, later)) for step in facts.steps])
    return None


def _carries_out(step: DryRun, requests: list[Any]) -> Any:
    mine = (r for r in requests if _dashes(r.slug) == _dashes(step.action) and r.target == step.target)
    return next(iter([*mine][-1:]), None)


def _dashes(slug: str) -> str:
    return slug.replace("_", "-")


def _similar(incident: Incident) -> list[Incident]:
    """Earlier incidents of the same cause, else of the same first symptom."""
    others = Incident.objects.filter(system=incident.system_id, number__lt=incident.number)
    same = Q(cause=incident.cause) if incident.cause else Q(fingerprint=incident.fingerprint)
    return list(others.filter(same).order_by("-number")[:5])


# -- for everybody with the same rights ---------------------------------------------------------------------------


def parts(incident: Incident, rights: Rights) -> dict[str, str]:
    """Id of an element -> what is in it."""

    def make() -> dict[str, str]:
        given = context(incident, may_respond=RESPOND in rights) | {"live": True}
        return {name: shown.rendered(template, given, rights) for name, template in PARTS.items()}

    return memo.get(("incident", incident.pk, incident.last_seq, incident.state, rights), FRESH_S, make)


def rows(events: Sequence[TimelineEvent]) -> str:
    return shown.rendered("incidents/_events.html", {"events": events, "live": True}, Rights(frozenset()))


def _made(key: str, rights: Rights, before: dict[str, Any] | None) -> dict[str, Any]:
    """The parts, and the events since what was sent before. `rows`: those from `after` to `upto`; who has not all up to
    `after` fetches what is missing."""
    incident = found(int(key)) if key.isascii() and key.isdigit() and len(key) < 10 else None
    if incident is None:
        raise NothingThere(key)
    upto = incident.last_seq
    after = before["rows"]["upto"] if before else upto
    events = list(incident.events.filter(seq__gt=after, seq__lte=upto).order_by("-seq")[: AT_ONCE + 1])
    if len(events) > AT_ONCE:
        events, after = [], upto
    told_rows = {"list": "timeline", "after": after, "upto": upto, "html": rows(events) if events else ""}
    return {"parts": parts(incident, rights), "rows": told_rows}


KIND = shown.Kind(
    name="incident",
    rights=RIGHTS,
    topics=lambda key: (f"incident:{key}", "approvals"),
    make=_made,
    every_s=0.25,
    at_least_s=10.0,
)
