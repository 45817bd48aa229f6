"""Act: one step of the path at a time through the gate; wait for a person where the policy asks for one.

The request's id is committed before the effect is started, so a killed worker finds it again and never asks twice.
"""

from __future__ import annotations

from django.utils import timezone

from actions import policy
from actions import service as actions
from actions.models import Risk
from actions.service import ActionRefused
from agent import behind, journal, roles
from agent.case import Attempt
from agent.context import is_self_healed
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain, starving, waiting
from agent.phases.waiting import POLL_S
from agent.roles.base import ActionView
from incidents import evidence, lifecycle, timeline
from incidents.facts import Planned
from incidents.findings import Finding, PlannedStep
from incidents.models import State
from incidents.plain import sure
from incidents.verdict import ACT_AT

UNTOLD = 30  # looks at a request whose outcome its target does not tell, before a person is called


def step(run: Run) -> Outcome:
    attempt = _attempt(run)
    if attempt.cursor >= len(attempt.path.steps):
        return Outcome(Phase.VERIFY, "the path is done", {"path": attempt.path.key})
    item = attempt.path.steps[attempt.cursor]
    words = item.words
    if len(attempt.requests) <= attempt.cursor:
        return _ask(run, attempt, item)
    view = roles.executor().look(attempt.requests[attempt.cursor])
    if view.status == "waiting":
        waits = waiting.wait(run, view, words)
        if waits is not None:
            return waits
        view = roles.executor().look(view.id)
    if view.status == "unknown":
        attempt.unknown += 1
        if attempt.unknown > UNTOLD:
            why = f"what became of {words} is not known, and its target does not tell ({view.why})"
            return explain.hand_over(run, f"{why}: look at it, and say on its page how it ended")
    if view.status in ("running", "unknown"):
        return Outcome(Phase.ACT, wait_s=POLL_S / 2)
    if view.status == "approved":
        begun = timezone.now()
        view = _execute(run, view, words)
        if (waits := waiting.approved_but_held(run, view, words)) is not None:
            return waits
        if view.status != "approved":  # it may have to wait for another on its target
            attempt.begun_at = attempt.begun_at or begun
    if view.status == "cancelled":  # nobody said no: it lost its reason, or was no longer what was approved
        return waiting.look_afresh(run, f"{words}: {view.why}")
    return _after(run, view, words, last=attempt.cursor + 1 >= len(attempt.path.steps))


def _attempt(run: Run) -> Attempt:
    if run.case.attempt is None:
        raise ValueError("there is no path to act on")
    return run.case.attempt


def _ask(run: Run, attempt: Attempt, item: PlannedStep) -> Outcome:
    """Ask the gate for this step, unless something is in the way of asking now."""
    words = item.words
    if not run.case.acted and _has_gone(run):
        return waiting.look_afresh(run, f"{words}: nothing of it shows any more")
    if (waits := waiting.before_asking(run, words)) is not None:
        return waits
    if (waits := waiting.for_another(run, item, words)) is not None:
        return waits
    if (held := starving.hold(run, words)) is not None:
        return held
    try:
        view = roles.executor().propose(
            run.incident,
            item,
            run_id=run.pk,
            reason=_reason(run),
            ask_why=_ask_why(run, item),
            runbook=attempt.path.runbook,
        )
    except ActionRefused as error:
        return _after(run, ActionView("", "refused", str(error)), words, last=False)
    if view.status == "refused" and (waits := waiting.before_asking(run, words)) is not None:
        return waits  # stopped, halted or turned off at that very moment: it is no answer to this path
    attempt.requests.append(view.id)
    waiting.begin(run)
    return Outcome(Phase.ACT, f"asked for {words}", {"request": view.id, "status": view.status})


def _has_gone(run: Run) -> bool:
    """Whether nothing of it shows any more, nor is what it blames still lost, nor was it seen to go on all the same."""
    if run.case.intermittent:
        return False
    picture = evidence.picture(run.incident.system.slug)
    return is_self_healed(run.incident, picture) and not behind.is_still_gone(run.case.acted_on)


def _execute(run: Run, view: ActionView, words: str) -> ActionView:
    if policy.held(run.incident.system, policy.AGENT) is None:
        lifecycle.transition(run.incident_id, State.ACTING, actor="agent", title=f"Acting: {words}")
    with journal.held(run):
        return roles.executor().execute(view.id)


def _after(run: Run, view: ActionView, words: str, *, last: bool) -> Outcome:
    attempt = _attempt(run)
    if view.worked:
        attempt.cursor += 1
        attempt.acted_at = timezone.now()
        run.case.acted.append(words)
        phase = Phase.VERIFY if last else Phase.ACT
        return Outcome(phase, f"did {words}", {"request": view.id, "message": view.message})
    if not view.settled:
        return Outcome(Phase.ACT, wait_s=POLL_S / 2)
    run.case.tried.append(attempt.path.key)
    title = f"This path is closed: {words} was {view.status}"
    timeline.record(run.incident_id, Planned(what="closed"), title, body=view.why or view.message)
    lifecycle.transition(run.incident_id, State.DIAGNOSING, actor="agent", title="Looking for another way")
    if attempt.acted_at:  # earlier steps of this path did take effect: judge what they brought first
        return Outcome(Phase.VERIFY, f"{words} was {view.status}", {"why": view.why})
    return Outcome(Phase.PLAN, f"{words} was {view.status}", {"why": view.why})


def _reason(run: Run) -> str:
    """Why it is asked for, in plain words, with the evidence the hypothesis rests on."""
    finding = run.case.acted_on or Finding()
    lines = [run.incident.summary or run.incident.title]
    lines += [f"- {e.text}" for e in finding.pro[:6]]
    return "\n".join(lines)


def _ask_why(run: Run, item: PlannedStep) -> str:
    """Acting alone needs two independent sources, one of them not log text, and where there is some risk a cause that
    is likely enough. Empty when there is nothing to ask a person about."""
    finding = run.case.acted_on or Finding()
    named = {e.source for e in finding.pro if e.weight > 0 and e.source}
    if named and named <= {"log"}:
        return "the only evidence is log text, which anybody who can write to the log can forge"
    probability = finding.probability
    slug = run.incident.system.slug
    if probability < ACT_AT and actions.risk_of(slug, item.action, item.target) != Risk.LOW:
        return f"this is only the best guess ({sure(probability)}), and the step is not without risk"
    return ""
