"""From hypotheses to paths: which fix to try first, and which stay as fall-backs.

A path is a list of steps run in order. Its expected cost is what a wrong or slow try costs: risk and time of
its steps, plus the price of having to go on when it fails, (1 - P) x RETRY_COST, where P is the probability of the
hypothesis times how often this fix has cured this cause (a Beta mean, so an untried fix counts as 2 of 3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from agent.roles.base import Finding

RISK_COST = {"low": 1.0, "medium": 3.0, "high": 12.0}
RETRY_COST = 30.0
MIN_PROBABILITY = 0.08  # below this a hypothesis earns no try of its own

# (slug, component) -> the targets to run it on, [] when it does not apply there
TargetResolver = Callable[[str, str, dict[str, Any]], list[str]]
RiskOf = Callable[[str, str], str]
CureRate = Callable[[str, str], float]


@dataclass
class Path:
    """Steps are [{"action", "target", "params"}]; `cost` has no unit, only an order."""

    finding_key: str
    steps: list[dict[str, Any]]
    p_success: float
    cost: float
    index: int = 0
    skipped: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        words = ",".join(f"{s['action']}@{s['target']}" for s in self.steps)
        return f"{self.finding_key}|{words}"


def resolve(raw: list[dict[str, Any]], targets: TargetResolver) -> tuple[list[dict[str, Any]], list[str]]:
    """Expand groups into the members a step applies to. Returns the steps, and why any was left out."""
    steps: list[dict[str, Any]] = []
    skipped: list[str] = []
    for item in raw:
        if "" in item["params"].values():
            skipped.append(f"{item['action']}: the evidence does not name its parameter")
            continue
        found = targets(item["action"], item["target"], item["params"])
        if not found:
            skipped.append(f"{item['action']}: does not apply to {item['target']}")
        steps += [{"action": item["action"], "target": t, "params": item["params"]} for t in found]
    return steps, skipped


def paths(
    findings: list[Finding],
    *,
    tried: Collection[str],
    targets: TargetResolver,
    risk_of: RiskOf,
    cure_rate: CureRate,
) -> list[Path]:
    """All untried paths of the credible findings, the cheapest expected cost first."""
    found: dict[str, Path] = {}
    for finding in findings:
        if finding.probability < MIN_PROBABILITY:
            continue
        for index, raw in enumerate(finding.paths):
            steps, skipped = resolve(raw, targets)
            if not steps:
                continue
            rate = min(cure_rate(finding.cause, s["action"]) for s in steps[:1])
            p = finding.probability * rate
            risk = sum(RISK_COST.get(risk_of(s["action"], s["target"]), RISK_COST["high"]) for s in steps)
            # A runbook lists its paths in the order its author prefers: a small nudge, not a rule.
            path = Path(finding.key, steps, p, risk + (1 - p) * RETRY_COST + 2.0 * index, index, skipped)
            if path.key not in tried and path.key not in found:
                found[path.key] = path
    return sorted(found.values(), key=lambda p: p.cost)
