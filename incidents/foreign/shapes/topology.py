"""Topologies: nodes and edges, dependency lists, compose-like files, adjacency maps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from incidents.foreign.facts import Facts
from incidents.foreign.shapes.base import Context, Record, Shape, any_of, first, text

_ENDS = (("source", "target"), ("from", "to"), ("caller", "callee"), ("client", "server"), ("src", "dst"),
("upstream_of", "target"),
         ("source_service", "target_service"), ("start", "end"), ("consumer", "provider"), ("source",
         "destination"))  # fmt: skip
_PLACED = (
    "runs_on",
    "runs-on",
    "hosted_on",
    "scheduled_on",
    "deployed_on",
    "on_node",
    "located_on",
    "host",
    "hosted-on",
)
_NOT_A_CALL = ("contains", "has", "owns", "member", "namespace", "exposes", "selects", "manages", "belongs")
_NEEDS = (
    "depends_on",
    "dependsOn",
    "dependencies",
    "calls",
    "downstream",
    "upstreams",
    "needs",
    "connects_to",
    "requires",
    "uses",
    "callees",
)
_WORD = re.compile(r"topolog|depend|graph|architecture|service_?map|edges|call", re.I)


def _is_graph(record: Record, context: Context) -> bool:
    return isinstance(first(record, "edges", "links", "relationships", "connections"), list) and (
        any_of(record, ("nodes", "services", "vertices", "edges")) or bool(_WORD.search(context.file))
    )  # fmt: skip


def _graph(record: Record, context: Context, facts: Facts) -> None:
    ids: dict[str, str] = {}
    nodes: Any = first(record, "nodes", "services", "vertices", "components") or []
    rows: list[Any] = (
        list(nodes)
        if isinstance(nodes, list)
        else [{"id": k, **(v if isinstance(v, Mapping) else {})} for k, v in nodes.items()]
    )
    for node in rows:
        if isinstance(node, str):
            ids[node] = node
        elif isinstance(node, Mapping):
            name = text(node, "name", "label", "service", "id", "data.label", "data.name")
            ids[text(node, "id", "data.id", "uid", "key") or name] = name
            facts.workloads.add(name)
            kind = text(node, "kind", "type", "component_type")
            if kind:
                facts.kinds.setdefault(name, kind.lower())
            _needs({"name": name, **node}, facts)
    for edge in first(record, "edges", "links", "relationships", "connections"):
        _edge(edge, ids, facts)


def _edge(edge: Any, ids: dict[str, str], facts: Facts) -> None:
    if isinstance(edge, list) and len(edge) >= 2:
        facts.edge(str(ids.get(str(edge[0]), edge[0])), str(ids.get(str(edge[1]), edge[1])))
        return
    if not isinstance(edge, Mapping):
        return
    for a, b in _ENDS:
        first_end, second_end = first(edge, a, f"data.{a}"), first(edge, b, f"data.{b}")
        if first_end is not None and second_end is not None:
            one, two = (
                text(e, "name", "id") if isinstance(e, Mapping) else str(e) for e in (first_end, second_end)
            )
            one, two = ids.get(one, one), ids.get(two, two)
            kind = text(edge, "type", "relation", "kind", "label", "relationship").lower()
            if any(k in kind for k in _PLACED):
                facts.runs_on(one, two)
            elif not any(k in kind for k in _NOT_A_CALL):
                facts.edge(one, two)
            return


def _names_needs(record: Record, context: Context) -> bool:
    return any(k in record for k in _NEEDS) and (
        first(record, "name", "service", "id", "component") is not None or bool(context.keys)
    )  # fmt: skip


def _take_needs(record: Record, context: Context, facts: Facts) -> None:
    _needs({"name": context.keys[-1] if context.keys else "", **record}, facts)


def _needs(record: Record, facts: Facts) -> None:
    name = text(record, "name", "service", "id", "component")
    for key in _NEEDS:
        value: Any = record.get(key)
        items = (
            list(value) if isinstance(value, list | Mapping) else [value] if isinstance(value, str) else []
        )
        for item in items:
            other = text(item, "name", "service", "target", "id") if isinstance(item, Mapping) else str(item)
            facts.edge(name, other)
    if name:
        facts.workloads.add(name)


def _is_edge(record: Record, context: Context) -> bool:
    """A row of a table or list of edges."""
    return len(record) <= 8 and any(isinstance(record.get(a), str) and isinstance(record.get(b), str) for a,
    b in _ENDS) and (
        bool(_WORD.search(context.file)) or any(_WORD.search(k) for k in context.keys)
    )  # fmt: skip


def _take_edge(record: Record, context: Context, facts: Facts) -> None:
    _edge(record, {}, facts)


def _is_adjacency(record: Record, context: Context) -> bool:
    """{"web": ["cart", "search"], "cart": ["db"]}"""
    if len(record) < 2 or not (_WORD.search(context.file) or any(_WORD.search(k) for k in context.keys)):
        return False
    return all(isinstance(v, list) and all(isinstance(x, str) for x in v) for v in record.values())


def _adjacency(record: Record, context: Context, facts: Facts) -> None:
    for name, others in record.items():
        for other in others:
            facts.edge(str(name), other)


SHAPES = (
    Shape("topology", _is_graph, _graph),
    Shape("topology", _names_needs, _take_needs),
    Shape("topology", _is_edge, _take_edge),
    Shape("topology", _is_adjacency, _adjacency),
)
