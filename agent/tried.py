"""What was tried itself outweighs whatever is written of it: words that a check has answered no to are not believed.

Which check tries what some words tell of is data (`tried_by` in incidents/signals/). Anybody who may write a log can
write any number of lines; a measurement of the same thing is one, and is worth more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from incidents.evidence import SignalState
from incidents.signals import CATALOG
from systems.graph import SystemGraph

NAMED = re.compile(r"[\"'`]([A-Za-z_][\w$-]*)[\"'`]")


def without_refuted(graph: SystemGraph, states: list[SignalState]) -> list[SignalState]:
    """The evidence with the words that a check has answered no to taken as not so."""
    answers = [s for s in states if s.source == "check" and s.value is False]
    if not answers:
        return states
    return [
        replace(s, value=False) if s.value and is_refuted(s.signal, s.service, s.text, graph, states) else s
        for s in states
    ]


def is_refuted(
    signal: str, service: str, text: str, graph: SystemGraph, states: Sequence[SignalState]
) -> bool:
    """Whether the check that tries what these words tell of was made wherever they may speak of, and says no."""
    entry = CATALOG.get(signal)
    if entry is None or not entry.tried_by or not re.search(entry.tried_texts, text, re.IGNORECASE):
        return False
    near = {service, *graph.needs.get(service, ())}
    given = {s.service: s for s in states if s.signal == entry.tried_by and s.service in near}
    kinds = {graph.kinds.get(name) for name in given}
    asked = all(name in given for name in near if graph.kinds.get(name) in kinds)
    return bool(given) and asked and all(a.value is False and _of_same(a.text, text) for a in given.values())


def _of_same(answer: str, text: str) -> bool:
    """Whether the answer is of what the words name (the role of a login), where both name something."""
    tried, told = set(NAMED.findall(answer)), set(NAMED.findall(text))
    return not tried or not told or bool(tried & told)
