"""Whether a change leads what goes from one part to another to somewhere else: names of parts and addresses in it, and
the name that it makes its part ask another one for, which that one has not got."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent.reasoner.board import Board, Node
from agent.reasoner.types import Change
from systems.graph import SystemGraph

NAME = re.compile(r"[A-Za-z][\w-]*")
ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|[a-z][\w-]*(?:\.[\w-]+)*):\d{1,5}\b", re.IGNORECASE)
TOKEN = re.compile(r"[a-z_][a-z0-9_]{2,}")
QUOTED = re.compile(r"[\"'`]([a-z_][a-z0-9_]{2,})[\"'`]")
LED = ("fails", "refuses", "slow")  # what comes of going to the wrong place


def leads_elsewhere(change: Change, graph: SystemGraph, explained: Iterable[Node]) -> bool:
    """Whether it names a part where another was named that is no replica of it, and requests fail."""
    before, after = _parts(change.before, graph), _parts(change.after, graph)
    gone, come = before - after, after - before
    if not gone or not come or all(c == g or c in graph.peers(g) for c in come for g in gone):
        return False
    return any(n.is_journey or n.klass in LED for n in explained)


def is_tried(change: Change, explained: Iterable[Node]) -> bool:
    """Whether what is said of the trouble names an address that came with the change: somebody goes there since; or
    quotes a name that did: somebody asks for it since."""
    come = _addresses(change.after) - _addresses(change.before)
    if come and any(come & _addresses(s.text) for n in explained for s in n.holding()):
        return True
    named = _tokens(change.after) - _tokens(change.before)
    return bool(named) and any(named & _quoted(s.text) for n in explained for s in n.holding())


def asked(
    change: Change, members: Iterable[str], graph: SystemGraph, board: Board
) -> Iterator[tuple[int, Node]]:
    """What those that the changed part needs say of a name that came with the change: it asks them for it, and they do
    not know it. (Number of the node, the node.)"""
    named = _tokens(change.after) - _tokens(change.before)
    needed = {n for m in members for n in graph.needs.get(m, ())}
    for number, node in enumerate(board.true) if named else ():
        if node.service in needed and any(named & _quoted(s.text) for s in node.holding()):
            yield number, node


def _parts(text: str | None, graph: SystemGraph) -> set[str]:
    """The parts it names, a group by those who are in it."""
    words = NAME.findall(text or "")
    return {m for w in words for m in ((w,) if w in graph.kinds else graph.groups.get(w, ()))}


def _addresses(text: str | None) -> set[str]:
    return {a.lower() for a in ADDRESS.findall(text or "")}


def _tokens(text: str | None) -> set[str]:
    return set(TOKEN.findall((text or "").lower()))


def _quoted(text: str) -> set[str]:
    return set(QUOTED.findall(text.lower()))
