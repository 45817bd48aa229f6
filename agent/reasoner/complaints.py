"""Of whom a part complains: whom of those it needs its words name, by name, by kind, or in what only one product says.

A part that needs a cache and a database, and says that the cache turns it away, has its trouble hardly from the
database.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from agent.reasoner.board import Node
from systems.graph import SystemGraph

# By kind: what it is called, and what its clients are told by none but it.
KINDS = {
    "redis": re.compile(
        r"\b(?:redis|valkey|cache)\b|invalid (?:username-)?password pair|no permissions to (?:run|access)\b|"
        r"command not allowed when used memory|"
        r"\b(?:WRONGPASS|NOAUTH|NOPERM|NOREPLICAS|MISCONF|READONLY|WRONGTYPE|OOM command)\b",
        re.IGNORECASE,
    ),
    "postgres": re.compile(
        r"\b(?:postgres(?:ql)?|database|psycopg\w*|sqlstate)\b|permission denied for (?:table|schema|database|sequence|"
        r"view|function|relation)|\b(?:relation|column|constraint) \"|must be owner of|row-level security|"
        r"read-only transaction|\bpg_hba\.conf\b|(?:statement|transaction|idle-session) timeout|deadlock detected",
        re.IGNORECASE,
    ),
}
NAMES_FROM = 4  # letters: a shorter name may be any word


def named(node: Node, graph: SystemGraph) -> frozenset[str]:
    """Those of what it needs, near or far, that a sign speaks of; empty when it names none."""
    return spoken_of([f"{s.label} {s.text}" for s in node.holding()], node.service, graph)


def spoken_of(texts: Collection[str], service: str, graph: SystemGraph) -> frozenset[str]:
    """Those of what `service` needs that its words name."""
    needed = graph.dependencies((service,), "calls")
    return frozenset(name for name in needed if any(_speaks(t, name, graph) for t in texts))


def is_about_others(named_: Collection[str], members: Collection[str], graph: SystemGraph) -> bool:
    """Whether parts have nothing to do with those that are named: neither need them, nor are needed or carried to by
    them."""
    if not named_ or not set(members).isdisjoint(named_):
        return False
    parts = tuple(sorted(named_))
    near = {
        *graph.callers(parts),
        *graph.dependencies(parts),
        *(c for n in parts for c in graph.links.get(n, ())),
    }
    return near.isdisjoint(members)


def _speaks(text: str, name: str, graph: SystemGraph) -> bool:
    if len(name) >= NAMES_FROM and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE):
        return True
    said = KINDS.get(graph.kinds.get(name, ""))
    return said is not None and said.search(text) is not None
