"""The bars of a verdict beside the symptoms of the incident: what was seen is not said to be missing."""

from __future__ import annotations

from collections.abc import Iterable

from incidents.findings import Evidence
from incidents.models import Incident, Symptom
from incidents.verdict import Bar

SYSTEM_WIDE = ("journey_", "consistency_")  # seen once for the whole system, whatever service it is booked on
SHOWN_FOR, SHOWN_AGAINST = 5, 3


def bars(incident: Incident, symptoms: Iterable[Symptom]) -> list[Bar]:
    """The verdict's bars, each with `more`: what does not fit on the card.

    They were weighed at one look, the symptoms may be of a later one: evidence that one of the incident's symptoms
    refutes, cleared by now or not, is left out."""
    seen = {(s.signal, s.service) for s in symptoms}
    wide = {signal for signal, _ in seen if signal.startswith(SYSTEM_WIDE)}
    found = []
    for bar in incident.verdict.bars:
        con = [e for e in bar.con if not _is_refuted(e, seen, wide)]
        more = bar.pro[SHOWN_FOR:] + con[SHOWN_AGAINST:]
        found.append(bar.model_copy(update={"con": con, "more": more}))
    return found


def _is_refuted(item: Evidence, seen: set[tuple[str, str]], wide: set[str]) -> bool:
    """Whether it says of a symptom that it is not there."""
    return item.missing and ((item.signal, item.service) in seen or item.signal in wide)
