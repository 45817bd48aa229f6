"""The table of one service: the usual names, and those that its manifest says are its own."""

from __future__ import annotations

from collections.abc import Sequence

from systems.manifest.named import NamedMetric
from systems.prom.table import Durations, Requests, Single, State, Table, table

OF = "the manifest"


def known_to(names: Sequence[NamedMetric]) -> Table:
    """The table that everybody shares, where `names` is empty."""
    usual = table()
    if not names:
        return usual
    made = usual.model_copy(
        update={
            "requests": [*(_requests(n) for n in names if n.kind == "requests"), *usual.requests],
            "durations": [*(_durations(n) for n in names if n.kind == "durations"), *usual.durations],
            "gauges": [*usual.gauges, *(_single(n) for n in names if n.kind == "value")],
            "rates": [*usual.rates, *(_single(n) for n in names if n.kind == "rate")],
            "states": [*usual.states, *(_state(n) for n in names if n.kind == "state")],
        }
    )
    made.gather()
    return made


def _requests(named: NamedMetric) -> Requests:
    return Requests(name=named.name, only=named.only, of=OF)


def _durations(named: NamedMetric) -> Durations:
    return Durations(name=named.name, scale=named.factor, only=named.only, of=OF)


def _single(named: NamedMetric) -> Single:
    return Single(
        name=named.name,
        reading=named.reading,
        scale=named.factor,
        by=named.by,
        only=named.only,
        combine=named.combine,
        of=OF,
    )


def _state(named: NamedMetric) -> State:
    return State(name=named.name, reading=named.reading, of=OF)
