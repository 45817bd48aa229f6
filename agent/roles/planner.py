"""The built-in planner: from the leading cause to paths, which fix to try first, which stay as fall-backs.

Only a cause at or above the acting threshold earns a path; below it there is reading, and a person. A path is a list of
steps run in order, whole or not at all: when one step does not apply, or its parameter is not named by the evidence, or
it may not be done now, the path is not taken. Its expected cost is what a wrong or slow try costs: risk and time of its
steps, plus the price of having to go on when it fails, (1 - P) x RETRY_COST, where P is the probability of the
cause times how often this fix has cured it (a Beta mean, so an untried fix counts as 2 of 3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from actions import service as actions
from agent.case import Choice, Path
from agent.roles.base import Brief
from incidents.findings import Finding, PlannedStep
from incidents.models import Incident
from incidents.verdict import ACT_AT
from knowledge import lessons
from knowledge import service as knowledge

RISK_COST = {"low": 1.0, "medium": 3.0, "high": 12.0}
RETRY_COST = 30.0

Steps = list[PlannedStep]
# (slug, component) -> the targets to run it on, [] when it does not apply there
TargetResolver = Callable[[str, str, dict[str, Any]], list[str]]
RiskOf = Callable[[str, str], str]
CureRate = Callable[[str, str], float]
EffectsOf = Callable[[PlannedStep], Collection[str]]
RunbookOf = Callable[[str], str]


class CheapestFirst:
    """By expected cost, with what the gate says of targets, risks and effects, and how often each fix cured."""

    def plan(self, incident: Incident, brief: Brief) -> Choice:
        slug = incident.system.slug
        return paths(
            brief.findings,
            tried=brief.tried,
            targets=lambda action, wanted, params: actions.resolve_targets(slug, action, wanted, params),
            risk_of=lambda action, target: actions.risk_of(slug, action, target),
            cure_rate=partial(lessons.cure_rate, system_slug=slug),
            effects_of=lambda step: actions.effects_of(slug, step.action, step.target, step.params),
            runbook_of=knowledge.edition,
        )


class NotWhole(Exception):
    """One step cannot be done, so the path is not taken; the message says which and why."""


def whole(raw: Steps, targets: TargetResolver, effects_of: EffectsOf) -> Steps:
    """The path with groups expanded into the members a step applies to. A step that brings about
    only what earlier ones have brought about already is not repeated. NotWhole when any step does not apply."""
    steps: Steps = []
    done: set[str] = set()
    for item in raw:
        if "" in item.params.values():
            raise NotWhole(f"{item.action}: the evidence does not name its parameter")
        found = targets(item.action, item.target, item.params)
        if not found:
            raise NotWhole(f"{item.action} does not apply to {item.target}")
        for target in found:
            step = item.model_copy(update={"target": target})
            effects = set(effects_of(step))
            if not effects or not effects <= done:
                steps.append(step)
            done |= effects
    return steps


def paths(
    findings: list[Finding],
    *,
    tried: Collection[str],
    targets: TargetResolver,
    risk_of: RiskOf,
    cure_rate: CureRate,
    effects_of: EffectsOf,
    runbook_of: RunbookOf = lambda cause: "",
) -> Choice:
    """All untried paths of what leads, alone or jointly."""
    found: dict[str, Path] = {}
    left_out: list[str] = []
    for finding in findings:
        if finding.stated or finding.probability < ACT_AT:
            continue
        for index, raw in enumerate(finding.paths):
            try:
                steps = whole(raw, targets, effects_of)
            except NotWhole as error:
                left_out.append(str(error))
                continue
            path = _weighed(finding, steps, index, risk_of, cure_rate)
            if not steps or path.key in found:
                continue
            if path.key in tried:
                left_out.append(f"{path.words} was tried")
            else:
                runbook = runbook_of(finding.cause)
                found[path.key] = path.model_copy(update={"runbook": runbook})
    ranked = sorted(found.values(), key=lambda p: p.cost)
    return Choice(paths=ranked, left_out=list(dict.fromkeys(left_out)))


def _weighed(finding: Finding, steps: Steps, index: int, risk_of: RiskOf, cure_rate: CureRate) -> Path:
    p = finding.probability * min((cure_rate(finding.cause, s.action) for s in steps[:1]), default=0.0)
    risk = sum(RISK_COST.get(risk_of(s.action, s.target), RISK_COST["high"]) for s in steps)
    # A runbook lists its paths in the order its author prefers: a small nudge, not a rule.
    cost = risk + (1 - p) * RETRY_COST + 2.0 * index
    return Path(finding=finding.key, steps=steps, p_success=p, cost=cost, index=index)
