"""While a person is asked: silence is no answer, and what is asked is taken back when its reason is gone."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from actions import policy
from actions import service as actions
from agent import behind, roles
from agent.context import is_self_healed
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import diagnose
from agent.roles.base import ActionView
from incidents import evidence, lifecycle, timeline
from incidents.facts import Noted, Planned
from incidents.findings import PlannedStep
from incidents.models import State
from incidents.verdict import ACT_AT

POLL_S = 2.0  # a decision wakes the run at once; this is for a lost wake-up
WELL_S = 20.0  # no symptom left for this long while a person is asked: there is nothing left to decide
OTHER_LOOKS = 5  # fresh looks in a row that point elsewhere: what was asked has lost its reason


def begin(run: Run) -> None:
    """Remember what led when it was asked."""
    waiting, leader = run.case.waiting, run.case.opinion.leading
    waiting.leader, waiting.other_looks, waiting.well_since = leader.key if leader else "", 0, None


def wait(run: Run, view: ActionView, words: str) -> Outcome | None:
    """Wait on; or, when the reason is gone, withdraw and look afresh. None: it was decided at that very moment."""
    lifecycle.transition(
        run.incident_id, State.WAITING, actor="agent", title=f"Waiting for a person: {words}"
    )
    return _while_asked(run, view, words)


def _while_asked(run: Run, view: ActionView, words: str) -> Outcome | None:
    well = well_again(run)
    gone = "the symptoms went away while it waited" if well else _led_elsewhere(run)
    if not gone:
        return Outcome(Phase.ACT, wait_s=POLL_S)
    if roles.executor().withdraw(view.id, gone).status != "cancelled":
        return None
    return nothing_left(run, words) if well else look_afresh(run, f"{words} was withdrawn: {gone}")


def before_asking(run: Run, words: str) -> Outcome | None:
    """Nothing is asked for while the agent may not act: stopped or halted it waits, where it only watches it looks
    again and hands over. None: go on."""
    waiting, system = run.case.waiting, run.incident.system
    if not system.agent_on:
        return look_afresh(run, policy.only_watches(system))
    if (why := policy.held(system, policy.AGENT)) is None:
        was, waiting.held = waiting.held, ""
        if was and not run.case.acted_at:  # what was planned before may be old
            return look_afresh(run, f"{words} waited, and acting may start again")
        return None
    tell_held(run, why, words)
    return nothing_left(run, words) if well_again(run) else Outcome(Phase.ACT, wait_s=POLL_S)


def tell_held(run: Run, why: str, words: str) -> None:
    """One line for each reason, however often it is looked at."""
    if run.case.waiting.held != why:
        run.case.waiting.held = why
        timeline.record(run.incident_id, Noted(), f"Waits with {words}: {why}"[:500], actor="agent")


def approved_but_held(run: Run, view: ActionView, words: str) -> Outcome | None:
    """What was approved waits for the hold to be lifted, and is withdrawn when its reason goes. None: no hold is on."""
    if view.status != "approved" or policy.held(run.incident.system, policy.AGENT) is None:
        return None
    return _while_asked(run, view, words)


def for_another(run: Run, item: PlannedStep, words: str) -> Outcome | None:
    """Wait where the same is waiting, or was just done and is being measured, for another incident."""
    slug = run.incident.system.slug
    earlier = actions.already(slug, item.action, item.target, item.params, run.incident_id)
    if earlier is None or not earlier.open or earlier.what not in ("waiting", "done"):
        return None
    if run.case.waiting.behind != str(earlier.request):
        run.case.waiting.behind = str(earlier.request)
        title = f"Waits for incident #{earlier.incident}: {earlier.words}"
        timeline.record(run.incident_id, Planned(what="waits"), title[:500])
    if well_again(run):
        return nothing_left(run, words)
    return Outcome(Phase.ACT, wait_s=POLL_S)


def well_again(run: Run) -> bool:
    """Whether all symptoms have been gone for a while: somebody mended it, or it was passing. What is gone by the
    change that is blamed is mended when it is back."""
    waiting, now = run.case.waiting, timezone.now()
    healed = is_self_healed(run.incident, evidence.picture(run.incident.system.slug))
    if not healed or behind.is_still_gone(run.case.acted_on):
        waiting.well_since = None
        return False
    waiting.well_since = since = waiting.well_since or now
    return now - since >= timedelta(seconds=WELL_S)


def _led_elsewhere(run: Run) -> str:
    """Empty while what led when it was asked still leads, on enough fresh looks; else what leads now."""
    case, waiting = run.case, run.case.waiting
    picture = evidence.picture(run.incident.system.slug)
    if picture.at is None or picture.at == case.picture or is_self_healed(run.incident, picture):
        return ""
    case.picture = picture.at
    opinion, wanted = diagnose.opinion(run, picture), waiting.leader
    leader = opinion.leading
    asked_for = case.acted_on.change_id if case.acted_on else ""
    if leader is not None and asked_for and leader.change_id == asked_for:
        waiting.other_looks = 0
        return ""  # under another name: it blames the same change
    own = max((f.probability for f in opinion.findings if f.key == wanted), default=0.0)
    other = leader is not None and leader.key != wanted and leader.probability >= ACT_AT
    waiting.other_looks = waiting.other_looks + 1 if other or own < diagnose.GUESS_AT else 0
    if waiting.other_looks < OTHER_LOOKS:
        return ""
    if other and leader is not None:
        return f"the likeliest cause is now another one: {leader.title.lower()} on {leader.component}"
    return "what is seen now no longer points to that cause"


def nothing_left(run: Run, words: str) -> Outcome:
    """Measure it; a path of which nothing was done stays untried."""
    run.case.waiting.well_since = None
    if not run.case.acted_at:
        run.case.attempt = None
    return Outcome(Phase.VERIFY, f"{words} was withdrawn: the symptoms are gone")


def look_afresh(run: Run, why: str) -> Outcome:
    """What was asked is off the table and was no answer: diagnose from fresh evidence. Steps done are judged first."""
    if run.case.acted_at:
        return Outcome(Phase.VERIFY, why[:120], {"why": why})
    run.case.attempt = None
    run.case.look_afresh()
    lifecycle.transition(
        run.incident_id, State.DIAGNOSING, actor="agent", title=f"Looking again: {why}"[:300]
    )
    return Outcome(Phase.DIAGNOSE, why[:120], {"why": why})
