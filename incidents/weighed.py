"""The bars of a verdict beside the symptoms of the incident: what was seen is not said to be missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from incidents.models import Incident, Symptom

SYSTEM_WIDE = ("journey_", "consistency_")  # seen once for the whole system, whatever service it is booked on
SHOWN_FOR, SHOWN_AGAINST = 5, 3
MISSING = ("expected, but not seen", "would have to be there, and is not")


def bars(incident: Incident, symptoms: Iterable[Symptom]) -> list[dict[str, Any]]:
    """The verdict's bars, each with `more`: what does not fit on the card.

    They were weighed at one look, the symptoms may be of a later one: evidence that one of the incident's symptoms
    refutes, cleared by now or not, is left out."""
    seen = {(s.signal, s.service) for s in symptoms}
    wide = {signal for signal, _ in seen if signal.startswith(SYSTEM_WIDE)}
    found = []
    for bar in incident.verdict.bars:
        con = [e for e in bar["con"] if not _is_refuted(e, seen, wide)]
        found.append({**bar, "con": con, "more": bar["pro"][SHOWN_FOR:] + con[SHOWN_AGAINST:]})
    return found


def _is_refuted(item: dict[str, Any], seen: set[tuple[str, str]], wide: set[str]) -> bool:
    """Whether it says of a symptom that it is not there."""
    signal, text = str(item.get("signal") or ""), str(item.get("text") or "")
    if not text.startswith(MISSING):
        return False
    return (signal, str(item.get("service") or "")) in seen or signal in wide
