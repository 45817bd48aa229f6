"""One path by some steps more, after what it brought was measured and before it is judged."""

from __future__ import annotations

from actions import service as actions
from agent import anew, roles
from agent.case import Attempt, Judgement, Measuring, Path
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain
from agent.roles.base import Draft
from incidents import evidence, timeline
from incidents.evidence import SignalState
from incidents.facts import Noted
from incidents.findings import Finding, PlannedStep
from incidents.models import Incident
from incidents.signals import CATALOG
from incidents.signals.base import ONSET_SLACK_S

LOOKS = 30  # at what a tidying step has yet to bring about
TICK_S = 0.9


def go_on(run: Run, steps: list[PlannedStep], why: str) -> Outcome:
    """The path that is being taken, by these steps; where none is, they are one."""
    case, words = run.case, ", ".join(s.words for s in steps)
    if case.attempt is None:
        finding = case.findings[0].key if case.findings else ""
        case.attempt = Attempt(path=Path(finding=finding, steps=steps))
    else:
        case.tried.append(case.attempt.path.key)
        done = case.attempt.done
        case.attempt.path = case.attempt.path.model_copy(update={"steps": [*done, *steps]})
        case.attempt.requests = case.attempt.requests[: len(done)]
        case.attempt.begun_at = None  # what has failed until now was not over
    case.measuring = None
    timeline.record(run.incident_id, Noted(), f"{why}: {words} comes next"[:300])
    return Outcome(Phase.ACT, f"goes on with {words}"[:120], {"path": case.attempt.path.key})


def instead(run: Run, said: Judgement) -> Outcome | None:
    """What is started anew before the path is judged to have brought nothing; None: it is judged."""
    if steps := anew.given_up(run):
        return go_on(run, steps, "What was changed is taken back, and nothing starts what was given up")
    if not said.cleared and (steps := anew.steps(run)):
        return go_on(run, steps, "Reading its file again brought nothing, and it runs since the change")
    steps = anew.longer(run, said.active)
    if steps and not vetoed(run, steps):
        return go_on(run, steps, "It is as it was before, and what that brought about goes on")
    return None


def vetoed(run: Run, steps: list[PlannedStep]) -> bool:
    """Whether the reviewer, as for any path, has something against these: a person's "no", a start that changes
    nothing."""
    path = Path(finding=run.case.acted_on.key if run.case.acted_on else "", steps=steps)
    draft = Draft(paths=[path], tried=run.case.tried, acted_at=run.case.acted_at)
    picture = evidence.picture(run.incident.system.slug)
    return bool(roles.reviewer(run).review(run.incident, picture, draft))


def left_lying(
    incident: Incident, states: list[SignalState], acted_on: Finding | None = None
) -> list[SignalState]:
    """What this incident's trouble left behind, which does not go away by itself; not what had been there before, but
    for what the cause that was `acted_on` accounts for."""
    explained = {(e.signal, e.service) for e in acted_on.pro} if acted_on else set()
    return [s for s in states if _is_left(incident, s, (s.signal, s.service) in explained)]


def words_of(left: list[SignalState]) -> str:
    return "; ".join(CATALOG[s.signal].describe(s) for s in left)


def tidy(run: Run, count: Measuring, states: list[SignalState]) -> Outcome | None:
    """All is well but for what the trouble left lying, which nothing goes wrong by and which does not go away by
    itself: put it right, or say that it is there. None when nothing is left."""
    left = left_lying(run.incident, states, run.case.acted_on)
    if not left:
        return None
    words = words_of(left)
    done = run.case.attempt.done if run.case.attempt else []
    steps = [step for step in _steps(run, left) if step not in done]
    if run.incident.system.agent_on and steps and not was_tried(run, steps):
        return go_on(run, steps, f"All is well now, and {words}")
    if done and not steps and count.green_looks < LOOKS:
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    return explain.hand_over(run, f"the symptoms are gone, and {words}")


def _is_left(incident: Incident, state: SignalState, explained: bool) -> bool:
    if not state.value or state.onset is None or actions.tidying(state.signal) is None:
        return False
    return explained or (incident.started_at - state.onset).total_seconds() <= ONSET_SLACK_S


def _steps(run: Run, left: list[SignalState]) -> list[PlannedStep]:
    slug = run.incident.system.slug
    found = [
        PlannedStep(action=action, target=target)
        for s in left
        if (action := actions.tidying(s.signal))
        for target in actions.resolve_targets(slug, action, s.service, {})
    ]
    return list({s.key: s for s in found}.values())


def was_tried(run: Run, steps: list[PlannedStep]) -> bool:
    """Whether it was asked for already, and did not come about."""
    return any(s.key in tried for s in steps for tried in run.case.tried)
