"""Plan: of what leads take the untried path of lowest expected cost, show its dry run, keep the others in reserve."""

from __future__ import annotations

from functools import partial
from typing import Literal

from actions import policy
from actions import service as actions
from actions.models import ActionRequest, Status
from agent import flow, plan, statements
from agent.case import Attempt
from agent.context import only_history
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain
from agent.phases.diagnose import PATIENCE, TICK_S, is_due
from incidents import evidence, timeline
from incidents.facts import DryRun, Planned
from incidents.findings import Finding, PlannedStep
from incidents.models import Severity
from incidents.verdict import ACT_AT
from knowledge import lessons

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
    slug = run.incident.system.slug
    choice = plan.paths(
        findings,
        tried=run.case.tried,
        targets=lambda action, wanted, params: actions.resolve_targets(slug, action, wanted, params),
        risk_of=lambda action, target: actions.risk_of(slug, action, target),
        cure_rate=partial(lessons.cure_rate, system_slug=slug),
        effects_of=lambda step: _effects(slug, step),
        hinders=lambda steps: _hindered(run, steps),
    )
    if not choice.paths:
        if run.case.looks.ill < PATIENCE:  # the picture is still filling up
            run.case.looks.steady = 0
            return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
        return explain.hand_over(run, _why_none(findings, choice))
    if not run.incident.system.agent_on:
        _show(run, choice, "shown")
        would = choice.paths[0].words
        return explain.hand_over(run, f"{policy.only_watches(run.incident.system)}; it would ask for {would}")
    return _take(run, choice)


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


def _take(run: Run, choice: plan.Choice) -> Outcome:
    chosen = choice.paths[0]
    run.case.attempt = Attempt(path=chosen)
    _show(run, choice, "taken")
    return Outcome(Phase.ACT, f"planned {chosen.words}"[:120], {"path": chosen.key}, new_path=True)


def _show(run: Run, choice: plan.Choice, what: Literal["taken", "shown"]) -> None:
    """The chosen path with its dry run, and what else there is, on one event."""
    chosen = choice.paths[0]
    facts = Planned(
        what=what,
        steps=[_dry_run(run.incident.system.slug, s) for s in chosen.steps],
        cost=round(chosen.cost, 1),
        p_success=round(chosen.p_success, 2),
        skipped=choice.left_out,
        fallbacks=[[s.words for s in p.steps] for p in choice.paths[1:4]],
    )
    begin = "Plan" if what == "taken" else "Would ask for"
    timeline.record(run.incident_id, facts, f"{begin}: {chosen.words}")


def _hindered(run: Run, steps: plan.Steps) -> str:
    """Why a path is not taken now; "" when nothing is in its way."""
    slug = run.incident.system.slug
    for item in steps:
        shown = _dry_run(slug, item).preview
        if shown.get("refused"):
            return f"{item.words} cannot be done now: {shown['refused']}"
    if no := _answered(run, {e for s in steps for e in _effects(slug, s)}):
        return f"{plan.words(steps)} is left: {no}"
    units, picture = plan.only_restarts({e for s in steps for e in _effects(slug, s)}), evidence.picture(slug)
    if said := statements.forbids_restart(run, picture, units):
        return f"{plan.words(steps)} would change nothing: {said}"
    if units and all(only_history(run.incident, picture, unit) for unit in units):
        return f"{plan.words(steps)} is not called for: it runs again"
    return ""


def _answered(run: Run, effects: set[str]) -> str:
    """The request of this incident that was rejected or has failed and would have brought about some of the same."""
    slug = run.incident.system.slug
    over = ActionRequest.objects.filter(
        incident=run.incident_id,
        run_id__isnull=False,
        undo_of=None,
        status__in=(Status.REJECTED, Status.FAILED),
    )
    for request in over:
        step = PlannedStep(action=request.slug, target=request.target, params=request.params)
        if effects & _effects(slug, step):
            return f"{request.slug} on {request.target} was {request.get_status_display().lower()}"
    return ""


def _effects(slug: str, step: PlannedStep) -> frozenset[str]:
    return actions.effects_of(slug, step.action, step.target, step.params)


def _why_none(findings: list[Finding], choice: plan.Choice) -> str:
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
