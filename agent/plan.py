"""From the leading cause to paths: which fix to try first, and which stay as fall-backs.

Only a cause at or above the acting threshold earns a path; below it there is reading, and a person. A path is a list of
steps run in order, whole or not at all: when one step does not apply, or its parameter is not named by the evidence, or
it may not be done now, the path is not taken. Its expected cost is what a wrong or slow try costs: risk and time of its
steps, plus the price of having to go on when it fails, (1 - P) x RETRY_COST, where P is the probability of the
cause times how often this fix has cured it (a Beta mean, so an untried fix counts as 2 of 3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from agent.case import Path
from incidents.findings import Finding, PlannedStep
from incidents.verdict import ACT_AT

RISK_COST = {"low": 1.0, "medium": 3.0, "high": 12.0}
RETRY_COST = 30.0
RESTART = "restart:"  # see actions.base.Action.effects

Steps = list[PlannedStep]
# (slug, component) -> the targets to run it on, [] when it does not apply there
TargetResolver = Callable[[str, str, dict[str, Any]], list[str]]
RiskOf = Callable[[str, str], str]
CureRate = Callable[[str, str], float]
EffectsOf = Callable[[PlannedStep], Collection[str]]
Hinders = Callable[[Steps], str]


@dataclass
class Choice:
    """The paths that can be taken, the cheapest expected cost first, and in words why others are not."""

    paths: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


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


def only_restarts(effects: Collection[str]) -> list[str]:
    """The services that are started again, where nothing else is brought about; else []."""
    names = [e.removeprefix(RESTART) for e in effects if e.startswith(RESTART)]
    return sorted(names) if len(names) == len(effects) else []


def paths(
    findings: list[Finding],
    *,
    tried: Collection[str],
    targets: TargetResolver,
    risk_of: RiskOf,
    cure_rate: CureRate,
    effects_of: EffectsOf,
    hinders: Hinders = lambda steps: "",
) -> Choice:
    """All untried paths of what leads, alone or jointly. `hinders`: why the steps of a path may not be done now."""
    found: dict[str, Path] = {}
    choice = Choice()
    for finding in findings:
        if finding.stated or finding.probability < ACT_AT:
            continue
        for index, raw in enumerate(finding.paths):
            try:
                steps = whole(raw, targets, effects_of)
            except NotWhole as error:
                choice.left_out.append(str(error))
                continue
            path = _weighed(finding, steps, index, risk_of, cure_rate)
            if not steps or path.key in found:
                continue
            if path.key in tried:
                choice.left_out.append(f"{path.words} was tried")
            elif why := hinders(steps):
                choice.left_out.append(why)
            else:
                found[path.key] = path
    choice.paths = sorted(found.values(), key=lambda p: p.cost)
    choice.left_out = list(dict.fromkeys(choice.left_out))
    return choice


def _weighed(finding: Finding, steps: Steps, index: int, risk_of: RiskOf, cure_rate: CureRate) -> Path:
    p = finding.probability * min((cure_rate(finding.cause, s.action) for s in steps[:1]), default=0.0)
    risk = sum(RISK_COST.get(risk_of(s.action, s.target), RISK_COST["high"]) for s in steps)
    # A runbook lists its paths in the order its author prefers: a small nudge, not a rule.
    cost = risk + (1 - p) * RETRY_COST + 2.0 * index
    return Path(finding=finding.key, steps=steps, p_success=p, cost=cost, index=index)


def words(steps: Steps) -> str:
    return ", then ".join(s.words for s in steps)
