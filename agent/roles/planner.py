"""The built-in planner: from the leading cause to paths, which fix to try first, which stay as fall-backs.

Only a cause at or above the acting threshold earns a path; below it there is reading, and a person. A path is a list of
steps run in order, whole or not at all: when one step does not apply, or its parameter is not named by the evidence, or
it may not be done now, the path is not taken. Its expected cost, in seconds, is what a wrong or slow try costs: time
and loss of its steps as their dry runs have it (agent/harm.py), plus the price of having to go on when it fails,
(1 - P) x RETRY_S, where P is the probability of the cause times how often this fix has cured it (a Beta mean, so an
untried fix counts as 2 of 3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from actions import effectnames
from actions import service as actions
from agent import harm
from agent.case import Choice, Path
from agent.harm import Harm
from agent.roles.base import TAKES_BACK, Brief
from incidents.findings import Finding, PlannedStep
from incidents.models import Incident
from incidents.returned import CHANGE
from incidents.verdict import ACT_AT
from knowledge import lessons
from knowledge import service as knowledge

RETRY_S = 30.0
NO_DOUBT = 0.97  # what is less likely is weighed by what it would cost in vain
NEXT_S = 2.0  # for each place in the order that the author of a runbook prefers: a small nudge, not a rule
LEAVES = 0.5  # of its cures what leaves the change in place that the trouble evidently follows from
LIKELIER_S = 15.0  # ... and of changes made in one go, where the one that most speaks for stands first

Steps = list[PlannedStep]
# (slug, component) -> the targets to run it on, [] when it does not apply there
TargetResolver = Callable[[str, str, dict[str, Any]], list[str]]
HarmOf = Callable[[PlannedStep, bool], Harm]
CureRate = Callable[[str, str], float]
EffectsOf = Callable[[PlannedStep], Collection[str]]
WhyNot = Callable[
    [str, str], str
]  # (slug, component) -> why it does not apply there, "" when that needs no word
RunbookOf = Callable[[str], str]


class CheapestFirst:
    """By expected cost, with what the gate says of targets, effects and losses, and how often each fix cured."""

    def plan(self, incident: Incident, brief: Brief) -> Choice:
        slug = incident.system.slug
        return paths(
            brief.findings,
            tried=brief.tried,
            targets=lambda action, wanted, params: actions.resolve_targets(slug, action, wanted, params),
            harm_of=Scales(slug),
            cure_rate=partial(lessons.cure_rate, system_slug=slug),
            effects_of=lambda step: actions.effects_of(slug, step.action, step.target, step.params),
            runbook_of=knowledge.edition,
            why_not=lambda action, wanted: actions.why_not(slug, action, wanted),
        )


class NotWhole(Exception):
    """One step cannot be done, so the path is not taken; the message says which and why."""


def _silent(slug: str, component: str) -> str:
    return ""


def whole(raw: Steps, targets: TargetResolver, effects_of: EffectsOf, why_not: WhyNot = _silent) -> Steps:
    """The path with groups expanded into the members a step applies to. A step that brings about
    only what earlier ones have brought about already is not repeated. NotWhole when any step does not apply."""
    steps: Steps = []
    done: set[str] = set()
    for item in raw:
        if "" in item.params.values():
            raise NotWhole(f"{item.action}: the evidence does not name its parameter")
        found = targets(item.action, item.target, item.params)
        if not found:
            why = why_not(item.action, item.target)
            raise NotWhole(f"{item.action} does not apply to {item.target}" + (f" ({why})" if why else ""))
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
    harm_of: HarmOf,
    cure_rate: CureRate,
    effects_of: EffectsOf,
    runbook_of: RunbookOf = lambda cause: "",
    why_not: WhyNot = _silent,
) -> Choice:
    """All untried paths of what leads, alone or jointly, the least expected cost first."""
    found: dict[str, tuple[Finding, Path]] = {}
    left_out: list[str] = []
    for finding in findings:
        if finding.stated or finding.probability < ACT_AT:
            continue
        for index, raw in enumerate(finding.paths):
            try:
                steps = whole(raw, targets, effects_of, why_not)
            except NotWhole as error:
                left_out.append(str(error))
                continue
            path = Path(finding=finding.key, steps=steps, index=index)
            if not steps or path.key in found:
                continue
            if path.key in tried:
                left_out.append(f"{path.words} was tried")
            else:
                found[path.key] = finding, path.model_copy(update={"runbook": runbook_of(finding.cause)})
    # A dry run asks the target: where there is nothing to choose and hardly a doubt, its rating will do.
    measured = len(found) > 1 or any(f.probability < NO_DOUBT for f, _ in found.values())
    weighed = []
    for finding, path in found.values():
        leaves = _is_left(finding, path, effects_of)
        weighed.append(_weighed(finding, path, lambda s: harm_of(s, measured), cure_rate, LEAVES**leaves))
    return Choice(paths=sorted(weighed, key=lambda p: p.cost), left_out=list(dict.fromkeys(left_out)))


def _is_left(finding: Finding, path: Path, effects_of: EffectsOf) -> bool:
    """Whether a named cause evidently follows from a change, which this path leaves in place: it works around what the
    other takes away."""
    is_evident = finding.cause != CHANGE and any(s.action == TAKES_BACK for p in finding.paths for s in p)
    return is_evident and not any(effectnames.writes(effects_of(s)) for s in path.steps)


def _weighed(
    finding: Finding,
    path: Path,
    harm_of: Callable[[PlannedStep], Harm],
    cure_rate: CureRate,
    less: float,
) -> Path:
    cures = min((cure_rate(finding.cause, s.action) for s in path.steps[:1]), default=0.0)
    harms, p = [harm_of(s) for s in path.steps], finding.probability * cures * less
    cost = harm.expected_s(harms, finding.probability) + (1 - p) * RETRY_S
    cost += (LIKELIER_S if finding.cause == CHANGE else NEXT_S) * path.index
    return path.model_copy(update={"p_success": p, "cost": cost, "loss": harm.loss_s(harms)})


class Scales:
    """What a step of one system costs, each weighed once: by its dry run now; by its rating where it cannot be done
    now, or need not be `measured`."""

    def __init__(self, slug: str) -> None:
        self._slug = slug
        self._known: dict[tuple[str, bool], Harm] = {}

    def __call__(self, step: PlannedStep, measured: bool) -> Harm:
        key = (step.key, measured)
        if key not in self._known:
            self._known[key] = self._weigh(step, measured)
        return self._known[key]

    def _weigh(self, step: PlannedStep, measured: bool) -> Harm:
        what = (self._slug, step.action, step.target, step.params)
        restarts = sum(effect.startswith(effectnames.RESTART) for effect in actions.effects_of(*what))
        try:
            shown = actions.preview(*what) if measured else None
        except actions.ActionRefused:
            shown = None
        if shown is None:
            return Harm(actions.risk_of(self._slug, step.action, step.target), restarts=restarts)
        return Harm(shown["risk"], shown.get("loss") or {}, restarts, bool(shown.get("undoable")))
