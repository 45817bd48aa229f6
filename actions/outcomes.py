"""What was already asked for, refused or done: one effect on one thing is one question, whatever the action is called.

The agent does not ask it again from what it knew then; a person always may.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from actions import effectnames, registry
from actions.models import ActionRequest, Status
from incidents.models import Incident, State, Symptom
from systems.models import System

REMEMBERED = timedelta(hours=1)  # how long an answer for another incident counts
LOOKED_AT = 20  # newest requests with the same effect
PENDING = (Status.WAITING, Status.APPROVED, Status.RUNNING, Status.UNKNOWN)
DONE = (Status.SUCCEEDED, Status.ROLLED_BACK)
ANSWERED = (Status.REJECTED, Status.FAILED, *DONE)


@dataclass(frozen=True, slots=True)
class Earlier:
    """Why this effect is not asked for now.

    `what`: waiting (pending in any way), rejected, failed or done. `incident`: the one it was for; None when it was for
    none. `open`: that incident is another one, and still being worked on by the agent: waiting for it may help.
    `words`: the reason as a sentence for people."""

    what: str
    request: UUID
    slug: str
    target: str
    at: datetime
    incident: int | None
    open: bool
    words: str


def find(system: System, effects: list[str], touches: Collection[str], incident: Incident) -> Earlier | None:
    """The earlier request that stands in the way of these effects for this incident; None when nothing does."""
    found = ActionRequest.objects.filter(
        system=system, effects__overlap=effects, status__in=(*PENDING, *ANSWERED), undo_of=None
    ).select_related("incident", "decision", "decision__by")
    for earlier in found.order_by("-requested_at")[:LOOKED_AT]:
        if _stands(earlier, effects, touches, incident):
            return _told(earlier, incident)
    return None


def _stands(earlier: ActionRequest, effects: list[str], touches: Collection[str], now: Incident) -> bool:
    """Whether nothing speaks for doing it now that did not speak for it then."""
    if earlier.status in PENDING:
        return True
    if earlier.status == Status.FAILED and effectnames.is_another_start(earlier.effects, effects):
        return False
    if earlier.status in DONE and effectnames.is_another_write(earlier.effects, effects):
        return False
    at = _at(earlier)
    if not _same_trouble(earlier, at, now):
        fresh = _held(now).filter(first_seen__gt=at)
        if earlier.status == Status.REJECTED and timezone.now() - at < REMEMBERED:
            return not _other_kinds(fresh, earlier.incident, at)
        return not fresh.exists()
    if earlier.status == Status.REJECTED:  # what came since counts where it is seen on the very thing
        fresh = _held(now).filter(first_seen__gt=at, service__in=list(touches))
        return not _other_kinds(fresh, now, at)
    # Done or failed. Its own aftermath looks like news, so only a state changed by something else is another matter.
    between = ActionRequest.objects.filter(
        system=earlier.system_id, status=Status.SUCCEEDED, finished_at__gt=at, undo_of=None
    )
    between = between.exclude(effects__overlap=effects)
    return not any(set(touches) & set(_things(other)) for other in between)


def _same_trouble(earlier: ActionRequest, at: datetime, now: Incident) -> bool:
    """Is it one trouble: the same incident since it was opened last, or another one beside it that is not over? What
    was measured to be over and came back is another matter, whatever was done the time before."""
    if earlier.incident is None:
        return now.started_at <= at
    if earlier.incident_id == now.pk:
        return now.opened_at <= at
    return earlier.incident.is_open and earlier.incident.opened_at <= at and timezone.now() - at < REMEMBERED


def _held(incident: Incident) -> QuerySet[Symptom]:
    """What is wrong: what opens incidents, and what a trouble left lying, which an action puts right."""
    telling = Q(opens=True) | Q(signal__in=list(registry.TIDIES))
    return Symptom.objects.filter(telling, incident=incident, cleared_at=None)


def _other_kinds(fresh: QuerySet[Symptom], then: Incident | None, at: datetime) -> bool:
    """Is one of the fresh symptoms of a kind that was not seen by then? One that flaps is no news."""
    known = Symptom.objects.filter(incident=then, first_seen__lte=at) if then else Symptom.objects.none()
    return bool(set(fresh.values_list("signal", "service")) - set(known.values_list("signal", "service")))


def _things(request: ActionRequest) -> list[str]:
    """The parts a request was about, as its effects name them."""
    return [request.target, *(line.partition(":")[2] for line in request.effects)]


def _at(request: ActionRequest) -> datetime:
    decided = request.decision.at if hasattr(request, "decision") else None
    return request.finished_at or decided or request.renewed_at or request.requested_at


def _told(earlier: ActionRequest, now: Incident) -> Earlier:
    at, mine = _at(earlier), earlier.incident_id == now.pk
    deed = f"{earlier.slug} on {earlier.target}"
    whose = (
        ""
        if earlier.incident_id is None
        else f" for {'this incident' if mine else f'#{earlier.incident_id}'}"
    )
    when = f"at {at:%H:%M:%S} UTC"
    if earlier.status in PENDING:
        what, words = "waiting", f"{deed} is {earlier.get_status_display().lower()}{whose} already"
    elif earlier.status == Status.REJECTED:
        by = (
            earlier.decision.by.get_username()
            if hasattr(earlier, "decision") and earlier.decision.by
            else "a person"
        )
        what, words = "rejected", f"{deed} was rejected by {by} {when}{whose}; nothing new was seen since"
    elif earlier.status == Status.FAILED:
        what, words = (
            "failed",
            f"{deed} failed {when}{whose}; nothing was changed since that would make it work",
        )
    else:
        what, words = "done", f"{deed} was done {when}{whose}; doing it again needs a person"
    other = earlier.incident if not mine else None
    busy = (
        other is not None and other.is_open and other.state != State.HANDED_OVER and not other.agent_stopped
    )
    return Earlier(what, earlier.pk, earlier.slug, earlier.target, at, earlier.incident_id, busy, words)
