"""Plan: of what leads take the untried path of lowest expected cost, show its dry run, keep the others in reserve."""

from __future__ import annotations

from typing import Literal

from actions import policy
from actions import service as actions
from actions.models import Risk
from agent import flow, harm, looks, roles, solved
from agent.case import Attempt, Choice, Path
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import diagnose, explain
from agent.phases.diagnose import PATIENCE, TICK_S, is_due
from agent.reasoner.infer import entropy
from agent.roles.base import Brief, Draft
from incidents import evidence, timeline
from incidents.facts import Candidate, DryRun, Planned
from incidents.findings import Finding, PlannedStep, Question
from incidents.models import Severity
from incidents.verdict import ACT_AT

MAX_PATHS = 5
LOOKS_BEFORE_REST = 24  # before deciding that nothing need be done: a stopped queue shows itself late
LOOKS_FOR_FLOW = 40  # ... and before giving up on seeing work flow


def step(run: Run) -> Outcome:
    findings = run.case.findings
    if run.paths_tried >= MAX_PATHS:
        return explain.hand_over(run, f"{run.paths_tried} paths were tried and the symptoms are still there")
    if findings and not findings[0].paths and findings[0].severity == Severity.LOW:
        return _rest(run, findings[0])
    if not is_due(
        run.case
    ):  # after a "no", a refusal or a failure: a fresh look before anything is asked again
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
    choice = _choose(run)
    if not choice.paths:
        is_new = len(looks.steady_of(run.case)) < sum(f.probability >= ACT_AT for f in findings)
        if run.case.looks.ill < PATIENCE * (1 + is_new):  # the picture is still filling up
            run.case.looks.steady = 0
            return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
        return explain.hand_over(run, _why_none(findings, choice))
    if (question := _first_ask(run, choice.paths[0])) is not None:
        return diagnose.ask(run, question)
    if not run.incident.system.agent_on:
        _show(run, choice, "shown")
        would = choice.paths[0].words
        return explain.hand_over(run, f"{policy.only_watches(run.incident.system)}; it would ask for {would}")
    return _take(run, choice)


def _choose(run: Run) -> Choice:
    """The planner's paths, less those the reviewer vetoes."""
    case, picture = run.case, evidence.picture(run.incident.system.slug)
    brief = Brief(findings=looks.steady_of(case), tried=case.tried, picture=case.picture)
    choice = roles.planner(run).plan(run.incident, brief)
    if not choice.paths:
        return choice
    draft = Draft(paths=choice.paths, tried=case.tried, acted_at=case.acted_at)
    return choice.without(roles.reviewer(run).review(run.incident, picture, draft))


def _first_ask(run: Run, path: Path) -> Question | None:
    """The check that comes first, where a wrong try would lose more than asking takes."""
    found = next((f for f in run.case.findings if f.key == path.finding), None)
    question = diagnose.next_question(run.case, run.case.opinion)
    if found is None or question is None:
        return None
    p = found.probability
    told = question.gain / max(entropy([p, 1 - p]), question.gain)
    return question if harm.is_worth_reading(path.loss, p, told) else None


def _rest(run: Run, finding: Finding) -> Outcome:
    """Leave it as it is, but only while work is seen flowing, and after the slow signs had their looks."""
    looked = run.case.looks.ill
    if looked < LOOKS_BEFORE_REST:
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
    stands_still = flow.not_seen(run.incident, evidence.picture(run.incident.system.slug).states)
    if not stands_still:
        return explain.no_action(run, finding)
    if looked < LOOKS_FOR_FLOW:
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
    return explain.hand_over(
        run,
        f"{finding.title.lower()} alone calls for no repair, but work is not seen flowing: {stands_still}",
    )


def _take(run: Run, choice: Choice) -> Outcome:
    chosen = choice.paths[0]
    leader = next((f for f in run.case.findings if f.key == chosen.finding), None)
    if leader is not None and (number := solved.hand_on(run, leader)) is not None:
        return Outcome(Phase.VERIFY, f"what still holds is another trouble, now #{number}")
    run.case.solved = None  # what is done from here on is one story with it
    run.case.attempt = Attempt(path=chosen)
    _show(run, choice, "taken")
    return Outcome(Phase.ACT, f"planned {chosen.words}"[:120], {"path": chosen.key}, new_path=True)


def _show(run: Run, choice: Choice, what: Literal["taken", "shown"]) -> None:
    """The chosen path with its dry run, and what else there is, on one event."""
    chosen = choice.paths[0]
    facts = Planned(
        what=what,
        steps=[_dry_run(run.incident.system.slug, s) for s in chosen.steps],
        cost=round(chosen.cost, 1),
        p_success=round(chosen.p_success, 2),
        skipped=choice.left_out,
        fallbacks=[[s.words for s in p.steps] for p in choice.paths[1:4]],
        candidates=[_candidate(run.incident.system.slug, p) for p in choice.paths[:4]],
    )
    begin = "Plan" if what == "taken" else "Would ask for"
    timeline.record(run.incident_id, facts, f"{begin}: {chosen.words}")


def _candidate(slug: str, path: Path) -> Candidate:
    risks = [actions.risk_of(slug, s.action, s.target) for s in path.steps]
    return Candidate(
        steps=[s.words for s in path.steps],
        p_success=round(path.p_success, 2),
        cost=round(path.cost, 1),
        loss=round(path.loss, 1),
        risk=max(risks, key=Risk.values.index, default=""),
    )


def _why_none(findings: list[Finding], choice: Choice) -> str:
    """Why nothing is done, as it is."""
    leader = findings[0] if findings else None
    if leader is None or leader.probability < ACT_AT:
        return "no cause is certain enough to act on"
    if not leader.paths:
        return f"no runbook knows a repair for this: {leader.title.lower()} on {leader.component}"
    return "nothing more can be done without you: " + "; ".join(choice.left_out[:4])


def _dry_run(system: str, item: PlannedStep) -> DryRun:
    try:
        shown = actions.preview(system, item.action, item.target, item.params)
    except actions.ActionRefused as error:
        shown = {"command": "", "refused": str(error)}
    risk = actions.risk_of(system, item.action, item.target)
    return DryRun(**dict(item), preview=shown, risk=risk)
