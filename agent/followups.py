"""Clean-up after the cure. What an incident's repair only held off (a fallback, a spare, a paused job) stands until the
cause is gone. Then the agent ends it, through the gate like everything; until then the incident shows it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from actions import policy
from actions import service as actions
from actions.models import ActionRequest, Status
from agent import behind
from agent.models import FollowUp
from incidents import evidence, timeline
from incidents.facts import Noted
from incidents.models import OPEN_STATES, Incident, State
from incidents.picture import Picture
from incidents.signals import CATALOG
from systems import services
from systems.manifest import ManifestError

ACTOR = "agent"
LOOKS = 20  # fresh ones in a row, some seconds apart, in which the cause is gone: it does not go and come
AT_ONCE = 50
UNKNOWN = "unknown"


def collect() -> int:
    """Note what resolved incidents left standing; how many."""
    noted = FollowUp.objects.filter(request=OuterRef("pk"))
    done = ActionRequest.objects.filter(
        ~Exists(noted),
        status=Status.SUCCEEDED,
        undo_of=None,
        slug__in=actions.detours(),
        incident__state=State.RESOLVED,
        requested_by=ACTOR,
    )
    found = [r for r in done.select_related("incident", "system")[:AT_ONCE] if not actions.is_ended(r)]
    for request in found:
        if request.incident is not None:
            FollowUp.objects.get_or_create(request=request, defaults={"incident": request.incident})
    return len(found)


def is_owed() -> bool:
    """Whether there is anything to look at."""
    if FollowUp.objects.filter(state__in=[FollowUp.State.STANDING, FollowUp.State.ASKED]).exists():
        return True
    lately = timezone.now() - timedelta(hours=1)
    return ActionRequest.objects.filter(
        slug__in=actions.detours(), status=Status.SUCCEEDED, requested_at__gte=lately, follow_up=None
    ).exists()


def sweep() -> None:
    """Look at each that stands: end it where its cause has been gone for long enough."""
    collect()
    standing = FollowUp.objects.filter(state=FollowUp.State.STANDING)
    for follow in standing.select_related("request", "incident", "incident__system")[:AT_ONCE]:
        _look(follow)
    asked = FollowUp.objects.filter(state=FollowUp.State.ASKED).exclude(ending=None)
    for follow in asked.select_related("request", "ending")[:AT_ONCE]:
        _go_on(follow)


def _look(follow: FollowUp) -> None:
    request, system = follow.request, follow.incident.system
    if actions.is_ended(request):
        _settle(follow, FollowUp.State.ENDED, "it was ended by somebody")
        return
    picture = evidence.picture(system.slug)
    if (
        picture.at is None
        or picture.starved
        or (follow.looked_at is not None and picture.at <= follow.looked_at)
    ):
        return
    gone = (
        _is_gone(request, picture)
        and not Incident.objects.filter(system=system, state__in=OPEN_STATES).exists()
    )
    looks = follow.looks + 1 if gone else 0
    mine = FollowUp.objects.filter(pk=follow.pk, state=FollowUp.State.STANDING, looked_at=follow.looked_at)
    if mine.update(looks=looks, looked_at=picture.at) and looks >= LOOKS:
        _end(follow, picture.at)


def _end(follow: FollowUp, seen_at: datetime) -> None:
    """Ask for it; one worker does, and another one that is killed in between is found by its request."""
    request, system = follow.request, follow.incident.system
    ending = actions.ending(request.slug)
    if ending is None or not system.agent_on or policy.held(system, policy.AGENT) is not None:
        return
    reason = f"What made it needed is over since {LOOKS} looks, the last at {seen_at:%H:%M:%S} UTC."
    try:
        asked = actions.propose(
            system.slug, ending, request.target, request.params,
            requested_by=ACTOR, reason=f"#{follow.incident_id}: {reason}",
        )  # fmt: skip
    except actions.ActionRefused as error:
        _settle(follow, FollowUp.State.KEPT, str(error))
        return
    if asked.status == Status.REFUSED:
        _settle(follow, FollowUp.State.KEPT, asked.status_why)
        return
    FollowUp.objects.filter(pk=follow.pk, state=FollowUp.State.STANDING).update(
        state=FollowUp.State.ASKED, ending=asked
    )
    _tell(follow, f"{request.slug} on {request.target} is not needed any more: {ending} is asked for")
    follow.refresh_from_db()
    _go_on(follow)


def _go_on(follow: FollowUp) -> None:
    """Run what was approved, and keep what came of it."""
    ending = follow.ending
    if ending is None:
        return
    if ending.status == Status.APPROVED and policy.held(ending.system, policy.AGENT) is None:
        ending = actions.execute(ending.pk)
    if ending.status == Status.SUCCEEDED:
        _settle(follow, FollowUp.State.ENDED, "")
    elif ending.status not in (Status.WAITING, Status.APPROVED, Status.RUNNING, Status.UNKNOWN):
        _settle(follow, FollowUp.State.KEPT, f"{ending.slug} was {ending.status}: {ending.status_why}")


def _settle(follow: FollowUp, state: str, why: str) -> None:
    open_ = FollowUp.objects.filter(pk=follow.pk, state__in=[FollowUp.State.STANDING, FollowUp.State.ASKED])
    if open_.update(state=state, why=why[:300], changed_at=timezone.now()):
        words = "is ended" if state == FollowUp.State.ENDED else "stays, for a person to end"
        _tell(follow, f"{follow.request.slug} on {follow.request.target} {words}{f': {why}' if why else ''}")


def _tell(follow: FollowUp, title: str) -> None:
    timeline.record(follow.incident_id, Noted(), title[:300], actor=ACTOR)


def _is_as_changed(incident: Incident) -> bool:
    """Whether the change that its cause evidently follows from still stands, by the ledger: where there is no golden
    copy nothing else tells."""
    cause = (incident.component, incident.cause)
    lead = next((f for f in incident.hypotheses if (f.component, f.cause) == cause), None)
    evident = lead is not None and any(
        s.params.get("change") == lead.change_id for p in lead.paths for s in p
    )
    return evident and behind.is_still_changed(lead)


def _is_gone(request: ActionRequest, picture: Picture) -> bool:
    """Whether what made the detour needed is measured to be over."""
    when = actions.over_when(request.slug)
    try:
        parts = services.load(request.system.slug).members(request.target)
    except (services.UnknownSystem, ManifestError, OSError, KeyError):
        return False
    held = [s for s in picture.states if s.service in parts and s.value and s.signal in CATALOG]
    if when == "well":
        seen = all(picture.of(part).word != UNKNOWN for part in parts)
        return seen and not any(CATALOG[s.signal].opens for s in held)
    if when == "unchanged":
        as_changed = request.incident is not None and _is_as_changed(request.incident)
        return not as_changed and not any(CATALOG[s.signal].changed for s in held)
    return False
