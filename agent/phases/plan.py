"""Plan: take the untried path of lowest expected cost, show its dry run, keep the others as fall-backs."""

from __future__ import annotations

from typing import Any

from actions import service as actions
from agent import plan
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain
from agent.roles.base import Finding
from incidents import timeline
from incidents.models import Severity
from knowledge import lessons

MAX_PATHS = 5
PATIENCE = 14  # looks, as in diagnose
LOOKS_BEFORE_REST = 6  # before deciding that nothing need be done
TICK_S = 0.9


def step(run: Run) -> Outcome:
    findings = [_finding(f) for f in run.memory.get("findings", [])]
    if run.paths_tried >= MAX_PATHS:
        return explain.hand_over(run, f"{run.paths_tried} paths were tried and the symptoms are still there")
    if findings and not findings[0].paths and findings[0].severity == Severity.LOW:
        if int(run.memory.get("looks", 0)) < LOOKS_BEFORE_REST:
            return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
        return explain.no_action(run, findings[0])
    slug = run.incident.system.slug
    found = plan.paths(
        findings,
        tried=run.memory.get("tried", []),
        targets=lambda action, wanted, params: actions.resolve_targets(slug, action, wanted, params),
        risk_of=lambda action, target: actions.risk_of(slug, action, target),
        cure_rate=lessons.cure_rate,
    )
    if not found:
        if int(run.memory.get("looks", 0)) < PATIENCE:  # the picture is still filling up
            run.memory["steady"] = 0
            return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
        return explain.hand_over(run, "no further fix is known for what was found")
    chosen = found[0]
    dry = [_dry_run(slug, s) for s in chosen.steps]
    run.memory |= {
        "path": {"key": chosen.key, "finding": chosen.finding_key, "steps": chosen.steps},
        "cursor": 0,
        "requests": [],
        "acted_at": None,
    }
    words = ", then ".join(f"{s['action']} on {s['target']}" for s in chosen.steps)
    timeline.record(
        run.incident_id,
        "plan",
        f"Plan: {words}",
        data={
            "steps": dry,
            "cost": round(chosen.cost, 1),
            "p_success": round(chosen.p_success, 2),
            "skipped": chosen.skipped,
            "fallbacks": [[f"{s['action']} on {s['target']}" for s in p.steps] for p in found[1:4]],
        },
    )
    return Outcome(Phase.ACT, f"planned {words}"[:120], {"path": chosen.key}, new_path=True)


def _dry_run(system: str, item: dict[str, Any]) -> dict[str, Any]:
    try:
        shown = actions.preview(system, item["action"], item["target"], item["params"])
    except actions.ActionRefused as error:
        shown = {"command": "", "refused": str(error)}
    return {**item, "preview": shown, "risk": actions.risk_of(system, item["action"], item["target"])}


def _finding(stored: dict[str, Any]) -> Finding:
    return Finding(**{k: v for k, v in stored.items() if k != "key"})
