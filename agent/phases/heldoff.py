"""Held off, not cured: what was done ended the symptoms, and a changed setting behind them is as it was.

A paused job or an ended process keeps trouble away for as long as it lasts. That is no recovery, and it is not nothing
either: a person is told what holds it off, and what is still to be put right.
"""

from __future__ import annotations

from typing import Any

from agent import relapse
from agent.journal import Outcome
from agent.models import Run
from agent.phases import explain
from agent.roles.base import Verdict
from incidents import service as incidents
from incidents import timeline
from incidents.evidence import SignalState
from incidents.signals import CATALOG
from knowledge import service as knowledge


def acted_on(run: Run) -> dict[str, Any]:
    """The finding whose path was taken; {} when there was none."""
    path = run.memory.get("path") or {}
    found: dict[str, Any] = next((f for f in run.memory["findings"] if f["key"] == path.get("finding")), {})
    return found


def still_changed(run: Run, states: list[SignalState]) -> list[SignalState]:
    """The changed settings that spoke for what was acted on, and are still changed."""
    shown = {(e.get("signal"), e.get("service")) for e in acted_on(run).get("pro", [])}
    return [s for s in states if s.value and s.signal in relapse.DRIFT and (s.signal, s.service) in shown]


def is_it(run: Run, states: list[SignalState], verdict: Verdict) -> bool:
    """Nothing but a changed setting is left, and the cause that was acted on is not the setting itself: that one
    would have to be back for its repair to have helped."""
    left = {CATALOG[s.signal].describe(s) for s in still_changed(run, states)}
    return bool(left) and {*verdict.remaining, *verdict.new} <= left and not _is_a_setting(acted_on(run))


def _is_a_setting(finding: dict[str, Any]) -> bool:
    spec = next((s for s in knowledge.active_specs() if s.id == finding.get("cause")), None)
    return spec is None or any(key.partition("@")[0] in relapse.DRIFT for key in spec.requires)


def tell(run: Run, states: list[SignalState]) -> Outcome:
    """Say what helped and what is left, and give it to a person. Nothing is learnt: it is not known to be a cure."""
    left = "; ".join(CATALOG[s.signal].describe(s) for s in still_changed(run, states))
    steps = run.memory["path"]["steps"][: int(run.memory["cursor"])]
    did = [f"{s['action']} on {s['target']}" for s in steps]
    incidents.note_repair(run.incident_id, acted_on(run), did, helped=True)
    timeline.record(
        run.incident_id,
        "verify",
        f"Held off, not cured: the symptoms are gone, and {left}",
        actor="validator",
        data={"remaining": [left], "mended": False},
    )
    return explain.hand_over(
        run, f"{', '.join(did)} ended the symptoms; what is behind them is still so: {left}"
    )
