"""Verify: the probes that found the trouble decide whether it is gone. What the action says counts for nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agent import roles
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.roles.base import Verdict
from incidents import evidence, lifecycle, timeline
from incidents import service as incidents
from incidents.models import State
from knowledge import lessons

TICK_S = 0.9
SUSTAIN_S = 4.0  # green this long, on every look
PATIENCE_S = 45.0  # from the last effect to "it did not help"
NO_CHANGE_S = 20.0  # nothing at all has cleared by then: go on sooner
STUCK_S = 12.0  # the same symptoms for this long after some have cleared: what is left has another cause


def step(run: Run) -> Outcome:
    memory, now = run.memory, timezone.now()
    if not memory.get("verify_from"):
        memory["verify_from"] = now.isoformat()
        memory["green_since"] = None
        title = "Measuring whether it helped" if memory.get("acted_at") else "Measuring whether all is well"
        lifecycle.transition(run.incident_id, State.VERIFYING, actor="agent", title=title)
    stamp = evidence.taken_at(run.incident.system.slug)
    acted = memory.get("acted_at")
    if stamp is None or stamp == memory.get("stamp") or (acted and _older(stamp, acted)):
        return Outcome(Phase.VERIFY, wait_s=TICK_S / 3)
    memory["stamp"] = stamp
    states = evidence.snapshot(run.incident.system.slug)
    verdict = roles.validator().judge(
        run.incident, states, set(memory.get("before", [])), datetime.fromisoformat(acted) if acted else None
    )
    if verdict.state == "recovered":
        since = memory["green_since"] = memory.get("green_since") or now.isoformat()
        if now - datetime.fromisoformat(since) >= timedelta(seconds=SUSTAIN_S):
            return _recovered(run, verdict, since)
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    memory["green_since"] = None
    if _worth_waiting(run, verdict, now):
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    return _not_recovered(run, verdict)


def _worth_waiting(run: Run, verdict: Verdict, now: datetime) -> bool:
    """While symptoms still go away it is too early to judge."""
    memory = run.memory
    if memory.get("active") != verdict.active or not memory.get("active_since"):
        memory["active"], memory["active_since"] = verdict.active, now.isoformat()
    same = (now - datetime.fromisoformat(memory["active_since"])).total_seconds()
    waited = (now - datetime.fromisoformat(memory["verify_from"])).total_seconds()
    if verdict.cleared:
        return same < STUCK_S and waited < PATIENCE_S
    return waited < NO_CHANGE_S


def _older(stamp: str, than: str) -> bool:
    """Whether the picture was taken before the effect."""
    return datetime.fromisoformat(stamp) <= datetime.fromisoformat(than)


def _recovered(run: Run, verdict: Verdict, since: str) -> Outcome:
    timeline.record(
        run.incident_id,
        "verify",
        f"Recovered: {verdict.why}",
        actor="validator",
        data={"green_since": since, "remaining": verdict.remaining},
    )
    _learn(run, worked=True)
    return Outcome(Phase.EXPLAIN, "recovered", {"why": verdict.why})


def _not_recovered(run: Run, verdict: Verdict) -> Outcome:
    """Undo what brought nothing, keep what helped in part, and look again."""
    memory = run.memory
    timeline.record(
        run.incident_id,
        "verify",
        f"Not recovered: {verdict.why}",
        actor="validator",
        data={"remaining": verdict.remaining, "new": verdict.new, "cleared": verdict.cleared},
    )
    if not verdict.cleared:  # new symptoms beside cleared ones are more likely a second fault than our doing
        _roll_back(run)
    if memory.get("path"):
        _learn(run, worked=_helped(run, verdict))
        memory["tried"] = [*memory.get("tried", []), memory["path"]["key"]]
    for key in (
        "verify_from",
        "green_since",
        "active",
        "active_since",
        "leader",
        "steady",
        "looks",
        "acted_at",
        "shown",
    ):
        memory.pop(key, None)
    memory["asked"], memory["answers"] = [], []
    lifecycle.transition(run.incident_id, State.DIAGNOSING, actor="agent", title="Looking again")
    return Outcome(Phase.DIAGNOSE, "not recovered", {"why": verdict.why})


def _roll_back(run: Run) -> None:
    for request_id in reversed(run.memory.get("requests", [])):
        view = roles.executor().look(request_id)
        if view.worked:
            roles.executor().rollback(request_id)


def _helped(run: Run, verdict: Verdict) -> bool:
    """Whether what the repaired cause was said to show is gone: a new process that is as ill as the old one is none."""
    finding = _acted_on(run)
    shown = {(e.get("signal"), e.get("service")) for e in finding.get("pro", [])}

    def mine(key: str) -> bool:
        signal, _, rest = key.partition("@")
        return (signal, rest.partition("#")[0]) in shown

    expected = [key for key in run.memory.get("before", []) if mine(key)]
    return bool(expected) and verdict.cleared > 0 and not any(mine(key) for key in verdict.active)


def _acted_on(run: Run) -> dict[str, Any]:
    path = run.memory.get("path") or {}
    found: dict[str, Any] = next((f for f in run.memory["findings"] if f["key"] == path.get("finding")), {})
    return found


def _learn(run: Run, *, worked: bool) -> None:
    """Outcome statistics come from verified measurements only."""
    path = run.memory.get("path")
    if not path or not run.memory.get("acted_at"):
        return
    finding = _acted_on(run)
    cause = str(finding.get("cause", ""))
    did = [f"{s['action']} on {s['target']}" for s in path["steps"][: int(run.memory["cursor"])]]
    if finding:
        incidents.note_repair(run.incident_id, finding, did, helped=worked)
    for item in path["steps"][: int(run.memory["cursor"])]:
        lessons.record_outcome(cause, item["action"], worked=worked)
