"""The built-in validator: reads measurements, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.case import Judgement
from agent.context import key_of
from incidents.evidence import SignalState
from incidents.health import is_trouble
from incidents.models import Incident
from incidents.signals import CATALOG
from systems import services

JOURNEYS = "journey_failed"


class MeasuringValidator:
    """Recovered: no opening symptom is left but on what is not ours to control, and real requests work."""

    def judge(
        self, incident: Incident, states: list[SignalState], before: set[str], acted_at: datetime | None
    ) -> Judgement:
        if not states:
            return Judgement(
                state="holding", why="nothing has been measured for a while", remaining=sorted(before)
            )
        system = services.load(incident.system.slug)
        theirs = {n for n, s in system.manifest.services.items() if s.unit is None}
        # A path that leads to a service of somebody else is as dead as that service.
        lines = {link.name for link in system.manifest.links if link.target in theirs}
        active = {key_of(s): s for s in states if is_trouble(s)}
        blind = [s for s in states if s.value is None and key_of(s) in before]
        journeys = [s for s in states if s.signal == JOURNEYS]
        keys = before | {key_of(s) for s in journeys}
        stale = [s for s in states if key_of(s) in keys and _is_older(s, acted_at)]
        failing = [s for s in journeys if s.value]
        ours = {k: s for k, s in active.items() if s.service not in theirs and s.label not in lines}
        cleared = len(before - active.keys())
        new = [_words(s) for k, s in ours.items() if k not in before]
        remaining = [_words(s) for k, s in active.items() if k in before]
        told: dict[str, Any] = {
            "remaining": remaining, "new": new, "cleared": cleared, "active": sorted(active), "ours": sorted(ours),
        }  # fmt: skip
        if stale and not blind:  # whatever it says, it says of the time before
            why = f"{stale[0].service} has not been looked at since: {stale[0].signal}"
            return Judgement(state="holding", why=why, **told)
        if not ours and not failing and not blind:
            outside = [_words(s) for s in active.values()]
            why = _recovered_words(journeys, outside)
            return Judgement(state="recovered", why=why, remaining=outside, cleared=cleared)
        if blind and not ours:
            why = f"whether it goes on is not known: {_words(blind[0])}"
            return Judgement(state="holding", why=why, **told)
        worst = [_words(s) for s in failing] or new or remaining
        return Judgement(state="unwell", why="; ".join(worst[:3]), **told)


def _recovered_words(journeys: list[SignalState], outside: list[str]) -> str:
    words = (
        f"all symptoms are gone and {len(journeys)} synthetic journeys are green"
        if journeys
        else "all symptoms are gone"
    )
    return f"{words}; what remains is not ours to control: {'; '.join(outside)}" if outside else words


def _is_older(state: SignalState, acted_at: datetime | None) -> bool:
    return bool(acted_at and state.value is not None and state.fresh and state.fresh <= acted_at)


def _words(state: SignalState) -> str:
    return (
        CATALOG[state.signal].describe(state)
        if state.signal in CATALOG
        else f"{state.signal} on {state.service}"
    )
