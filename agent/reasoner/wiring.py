"""Whether a change leads what goes from one part to another to somewhere else: names of parts and addresses in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.reasoner.board import Node
from agent.reasoner.types import Change
from systems.graph import SystemGraph

NAME = re.compile(r"[A-Za-z][\w-]*")
ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|[a-z][\w-]*(?:\.[\w-]+)*):\d{1,5}\b", re.IGNORECASE)
LED = ("fails", "refuses", "slow")  # what comes of going to the wrong place


def leads_elsewhere(change: Change, graph: SystemGraph, explained: Iterable[Node]) -> bool:
    """Whether it names a part where another was named that is no replica of it, and requests fail."""
    before, after = _parts(change.before, graph), _parts(change.after, graph)
    gone, come = before - after, after - before
    if not gone or not come or all(c == g or c in graph.peers(g) for c in come for g in gone):
        return False
    return any(n.is_journey or n.klass in LED for n in explained)


def is_tried(change: Change, explained: Iterable[Node]) -> bool:
    """Whether what is said of the trouble names an address that came with the change: somebody goes there since."""
    come = _addresses(change.after) - _addresses(change.before)
    return bool(come) and any(come & _addresses(s.text) for n in explained for s in n.holding())


def _parts(text: str | None, graph: SystemGraph) -> set[str]:
    """The parts it names, a group by those who are in it."""
    words = NAME.findall(text or "")
    return {m for w in words for m in ((w,) if w in graph.kinds else graph.groups.get(w, ()))}


def _addresses(text: str | None) -> set[str]:
    return {a.lower() for a in ADDRESS.findall(text or "")}
