"""What nobody asked for since: a route without requests has no duration, and no look at it will ever tell that it is
quick again. Where all else is well, and its part is read, it does not keep an incident open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.case import Judgement, Measuring
from incidents.evidence import SignalState
from incidents.signals import CATALOG

LOOKS = 8  # in a row at which nothing else changed: fewer than an effect is given up after
TRAFFIC, JOURNEY = "traffic", "journey"  # authors of signals
LATER = timedelta(seconds=2)


def among(count: Measuring | None, states: Sequence[SignalState]) -> list[SignalState]:
    """Those of one part of the traffic that are not read any more, while others of the same part are, and somebody's
    way through it is measured to be well: where nothing is, whoever stays away may have been driven away. What we ask
    for ourselves and cannot read is no such thing."""
    if (
        count is None
        or count.still < LOOKS
        or not any(s.author == JOURNEY and s.value is False for s in states)
    ):
        return []
    read: dict[str, datetime] = {}
    for state in states:
        if state.author == TRAFFIC and state.value is not None and state.fresh is not None:
            read[state.service] = max(read.get(state.service, state.fresh), state.fresh)
    return [s for s in states if s.author == TRAFFIC and s.value is None and s.label and _is_silent(s, read)]


def _is_silent(state: SignalState, read: dict[str, datetime]) -> bool:
    newest = read.get(state.service)
    return newest is not None and (state.fresh is None or newest > state.fresh + LATER)


def told(said: Judgement, silent: Sequence[SignalState]) -> Judgement:
    """With what of the trouble could not be measured, where it is called over."""
    words = [CATALOG[s.signal].describe(s) for s in silent if s.signal in CATALOG]
    if said.state != "recovered" or not words:
        return said
    return said.model_copy(
        update={"why": f"{said.why}; nobody asked since, so not measured: {'; '.join(words)}"}
    )
