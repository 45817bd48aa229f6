"""What nobody asked for since: a route without requests has no duration, and no look at it will ever tell that it is
quick again. Where all else is well, and its part is read, it does not keep an incident open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.case import Judgement, Measuring
from incidents.evidence import SignalState
from incidents.signals import CATALOG

LOOKS = 8  # in a row at which nothing else changed: fewer than an effect is given up after
LATER = timedelta(seconds=2)


def among(count: Measuring | None, states: Sequence[SignalState]) -> list[SignalState]:
    """Those of one label that are not read any more, while others of the same part and source are."""
    if count is None or count.still < LOOKS:
        return []
    read: dict[tuple[str, str], datetime] = {}
    for state in states:
        if state.value is not None and state.fresh is not None:
            of = (state.service, state.source)
            read[of] = max(read.get(of, state.fresh), state.fresh)
    return [s for s in states if s.value is None and s.label and _is_silent(s, read)]


def _is_silent(state: SignalState, read: dict[tuple[str, str], datetime]) -> bool:
    newest = read.get((state.service, state.source))
    return newest is not None and (state.fresh is None or newest > state.fresh + LATER)


def told(said: Judgement, silent: Sequence[SignalState]) -> Judgement:
    """With what of the trouble could not be measured, where it is called over."""
    words = [CATALOG[s.signal].describe(s) for s in silent if s.signal in CATALOG]
    if said.state != "recovered" or not words:
        return said
    return said.model_copy(
        update={"why": f"{said.why}; nobody asked since, so not measured: {'; '.join(words)}"}
    )
