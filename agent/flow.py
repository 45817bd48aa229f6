"""Whether the system's work is seen flowing: only then may an incident be left as nothing to repair."""

from __future__ import annotations

from collections.abc import Sequence

from agent import relapse
from incidents.evidence import SignalState
from incidents.models import Incident
from incidents.signals import CATALOG

# Metrics of what customers see, of work that is done for somebody, and of what fails in it.
WORK = ("journey.", "consistency.", "queue.", "worker.", "app.error_rate")

QUIET = 0.01  # of real requests: more failing ones are no noise, also below what opens an incident


def _share(state: SignalState) -> float:
    counted = state.signal in CATALOG and CATALOG[state.signal].metric == "app.error_rate"
    return float(state.reading_value or 0.0) if counted and state.value is not None else 0.0


def not_seen(incident: Incident, states: Sequence[SignalState]) -> str:
    """Why work is not seen flowing, in words; "" when it is: journeys green, queues moving, no errors counted."""
    held = [s for s in states if s.value and s.signal in CATALOG]
    for state in held:
        signal = CATALOG[state.signal]
        if signal.metric.startswith(WORK):
            return signal.describe(state)
    failing = [s for s in states if _share(s) > QUIET]
    if failing:
        return f"{failing[0].service} fails {_share(failing[0]):.0%} of its requests"
    shows = [s for s in states if s.signal in CATALOG and CATALOG[s.signal].shows_work]
    if not any(s.value is False for s in shows):
        return "nothing that is done for customers is measured just now"
    if blind := [s for s in shows if s.value is None and CATALOG[s.signal].author == "journey"]:
        return f"whether customers can {blind[0].label} is not known"
    wanting = [p for p in relapse.proofs(incident) if p.clean < p.needed]
    return wanting[0].words() if wanting else ""
