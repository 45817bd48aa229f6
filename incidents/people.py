"""What a person does with an incident: resolve it, merge it, give it to somebody, say how bad it is, open it again.

Each is one transaction: the hooks of `on_act` (requests withdrawn, the audit row), then one compare-and-set with its
line of the timeline. What is not possible raises NotPossible, and nothing of it has happened. The hooks come first
because whatever else locks requests, audit log and incident does so in this order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from incidents import gravity, lifecycle, postmortem, timeline
from incidents.facts import Moved, Noted
from incidents.lifecycle import IllegalTransition
from incidents.models import OPEN_STATES, Incident, Severity, State, Symptom
from systems.visible import visible

log = logging.getLogger(__name__)

RESOLVED, MERGED, ASSIGNED, SEVERITY, REOPENED = "resolved", "merged", "assigned", "severity", "reopened"
TAKEN = "postmortem.exported"
UNFINISHED = ("running", "unknown")  # requests whose effect may be under way
NOTE_LIMIT = 2000


class NotPossible(ValueError):
    """It cannot be done as the incident is now; the message is for people."""


@dataclass(frozen=True)
class Act:
    """What a person is about to do."""

    verb: str
    incident: Incident
    by: str
    note: str = ""
    data: dict[str, Any] = field(default_factory=dict)


# Called inside the transaction, before the incident is changed; what a hook raises undoes all of it.
on_act: list[Callable[[Act], None]] = []


def resolve(number: int, user: AbstractBaseUser, note: str) -> Incident:
    """Close it. `note` says what the cause was and what mended it; the postmortem quotes it."""
    if not (note := _clean(note)):
        raise NotPossible("say what the cause was and what mended it: the postmortem is written from it")
    incident, by = _get(number), user.get_username()
    with transaction.atomic():
        _tell(Act(RESOLVED, incident, by, note))
        _free(incident)
        _close(incident, f"Resolved by {by}: {note}", by, note, Moved(person=True, note=note))
        Incident.objects.filter(pk=number).update(closed_by=by, closing_note=note)
    try:
        postmortem.generate(number)
    except Exception:  # it is closed all the same
        log.exception("the postmortem of #%s could not be written", number)
    return _get(number)


def merge(number: int, into: int, user: AbstractBaseUser, why: str = "") -> Incident:
    """Make #`number` part of #`into`: its symptoms follow, what it waits for is withdrawn, and it is closed."""
    if number == into:
        raise NotPossible("an incident cannot be merged into itself")
    incident, target, by, why = _get(number), _get(into), user.get_username(), _clean(why)
    if incident.system_id != target.system_id:
        raise NotPossible(f"#{number} and #{into} are of different systems")
    with transaction.atomic():
        _tell(Act(MERGED, incident, by, why, {"into": into}))
        both = Incident.objects.select_for_update(of=("self",)).filter(pk__in=[number, into])
        for row in both.order_by("number"):
            if not row.is_open:
                raise NotPossible(f"#{row.number} is resolved already")
        _free(incident)
        titles = list(incident.symptoms.filter(cleared_at=None).values_list("title", flat=True)[:20])
        Symptom.objects.filter(incident=incident).update(incident=target)
        facts = Moved(person=True, merged_into=into, note=why)
        _close(incident, f"Merged into #{into} by {by}", by, why, facts)
        Incident.objects.filter(Q(pk=number) | Q(merged_into=number)).update(merged_into=target)
        told = Noted(person=True, merged=number, symptoms=titles)
        timeline.record(into, told, f"#{number} was merged into this by {by}", body=why, actor=by)
        gravity.worsen(target, incident.severity)
    return _get(number)


def assign(number: int, user: AbstractBaseUser, to: AbstractBaseUser | None) -> Incident:
    """Make it somebody's, or nobody's. The agent goes on: taking over is something else."""
    incident, by = _get(number), user.get_username()
    _must_be_open(incident)
    name = to.get_username() if to is not None else ""
    if to is not None and not (to.is_active and to.has_perm("incidents.respond_incident")):  # type: ignore[attr-defined]
        raise NotPossible(f"{name} may not respond to incidents")
    if incident.owner == to:
        raise NotPossible(f"#{number} is {name}'s already" if to else f"#{number} is nobody's already")
    with transaction.atomic():
        _tell(Act(ASSIGNED, incident, by, data={"to": name}))
        expect = {"owner": incident.owner, "state__in": OPEN_STATES}
        title = f"{by} gave it to {name}" if to else f"{by} made it nobody's"
        done = lifecycle.amend(
            number, expect, {"owner": to}, actor=by, title=title, facts=Noted(person=True, owner=name)
        )
        _must_have(done, "somebody else has changed who has it")
    return _get(number)


def set_severity(number: int, user: AbstractBaseUser, severity: str, why: str = "") -> Incident:
    """Say how bad it is. It then stays so: what is measured changes it no more."""
    incident, by, why = _get(number), user.get_username(), _clean(why)
    if severity not in Severity.values:
        raise NotPossible(f"severity is one of {', '.join(Severity.values)}")
    _must_be_open(incident)
    if incident.severity == severity and incident.severity_by:
        raise NotPossible(f"the severity is {severity} already")
    new, old = Severity(severity).label, Severity(incident.severity).label
    with transaction.atomic():
        _tell(Act(SEVERITY, incident, by, why, {"from": incident.severity, "to": severity}))
        done = lifecycle.amend(
            number,
            {"severity": incident.severity, "state__in": OPEN_STATES},
            {"severity": severity, "severity_by": by},
            actor=by,
            title=f"{by} set the severity to {new.lower()} (was {old.lower()})",
            body=why,
            facts=Noted(person=True, severity=severity, was=incident.severity),
        )
        _must_have(done, "the severity has just changed")
    return _get(number)


def reopen(number: int, user: AbstractBaseUser, why: str, to: str = "me") -> Incident:
    """Open a resolved one again: with the person (`me`), or for the agent to look at (`agent`)."""
    incident, by = _get(number), user.get_username()
    if not (why := _clean(why)):
        raise NotPossible("say why it is not over")
    if to not in ("me", "agent"):
        raise NotPossible("reopen it to me or to agent")
    if incident.merged_into_id:
        raise NotPossible(f"#{number} was merged into #{incident.merged_into_id}: reopen that one")
    if to == "agent" and not incident.system.agent_on:
        raise NotPossible(f"the agent only watches {incident.system.title}: reopen it to yourself")
    mine = to == "me"
    try:
        with transaction.atomic():
            _tell(Act(REOPENED, incident, by, why, {"to": to}))
            state = State.HANDED_OVER if mine else State.DIAGNOSING
            title, facts = f"Opened again by {by}: {why}", Moved(person=True, note=why)
            now = {
                "owner": user if mine else None,
                "agent_stopped": mine,
                "closed_by": "",
                "closing_note": "",
            }
            values = {"reopened": F("reopened") + 1, **now}
            done = lifecycle.reopen(
                number, state, values=values, actor=by, title=title[:500], body=why, facts=facts
            )
            _must_have(done, f"#{number} is open")
    except IntegrityError as error:
        other = _open_twin(incident)
        if other is None:
            raise
        raise NotPossible(f"{other} is open about the same part of the system: go on there") from error
    return _get(number)


def _open_twin(incident: Incident) -> Incident | None:
    same = Incident.objects.filter(system=incident.system_id, fingerprint=incident.fingerprint)
    return same.filter(state__in=OPEN_STATES).exclude(pk=incident.pk).first()


def take_postmortem(number: int, user: AbstractBaseUser) -> None:
    """Before its postmortem is taken out as a file: it is written down by whom."""
    with transaction.atomic():
        _tell(Act(TAKEN, _get(number), user.get_username()))


def _get(number: int) -> Incident:
    return Incident.objects.select_related("system", "owner").get(pk=number)


def _clean(text: str) -> str:
    return visible(text.replace("\x00", "").strip())[:NOTE_LIMIT]


def _tell(act: Act) -> None:
    for hook in on_act:
        hook(act)


def _must_be_open(incident: Incident) -> None:
    if not incident.is_open:
        raise NotPossible(f"#{incident.number} is resolved: open it again first")


def _must_have(done: object, why_not: str) -> None:
    if done is None:
        raise NotPossible(f"{why_not}; look again")


def _free(incident: Incident) -> None:
    """Nothing is being done for it at this moment: what was started must be measured before it can be closed."""
    busy = incident.action_requests.filter(status__in=UNFINISHED).first()
    if busy is not None:
        raise NotPossible(
            f"{busy.slug} on {busy.target} is {busy.get_status_display().lower()}: wait until that is known"
        )


def _close(incident: Incident, title: str, by: str, body: str, facts: Moved) -> None:
    try:
        done = lifecycle.transition(
            incident.number, State.RESOLVED, actor=by, title=title[:500], body=body, facts=facts
        )
    except IllegalTransition:
        raise NotPossible(f"the agent is acting on #{incident.number}: take it over first, or wait") from None
    _must_have(done, f"#{incident.number} is resolved already")
