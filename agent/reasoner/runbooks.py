"""Runbooks made ready: which signals speak for which cause, and where its keys point on a system."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.reasoner.board import Board, Node
from knowledge.spec import RunbookSpec, split_key
from systems import patterns
from systems.graph import SystemGraph

USUAL = ("certain", "usual")
KEPT = 4  # sets of runbooks made ready; a new revision is another set


@dataclass(frozen=True)
class Compiled:
    """`own[cause]`: the keys of a runbook that are signs of that cause itself; at least one must hold. `by_signal`: the
    same the other way round."""

    specs: Sequence[RunbookSpec]
    own: dict[str, tuple[str, ...]]
    by_signal: dict[str, list[tuple[RunbookSpec, str]]]
    definitions: dict[
        str, frozenset[str]
    ]  # by kind of part ("any": of all): signals that define a known cause there

    def defines(self, signal: str, kind: str) -> bool:
        """Whether a signal on a part of this kind is what defines a known cause."""
        return signal in self.definitions.get(kind, ()) or signal in self.definitions.get("any", ())

    def is_sign(self, signal: str, kind: str) -> bool:
        """Whether a signal on a part of this kind is a sign of a known cause there."""
        return any(
            not scope and (kind in spec.applies_to or "any" in spec.applies_to)
            for spec, scope in self.by_signal.get(signal, ())
        )

    @classmethod
    def of(cls, specs: Sequence[RunbookSpec]) -> Compiled:
        key = tuple(map(id, specs))
        found = _ready.get(key)
        if found is None:
            found = _ready[key] = _compile(tuple(specs))
            while len(_ready) > KEPT:
                _ready.popitem(last=False)
        return found

    def touched(self, graph: SystemGraph, board: Board) -> list[tuple[RunbookSpec, str, tuple[str, ...]]]:
        """Every cause with each component on which one of its own signs may hold, in a fixed order."""
        named: dict[str, dict[str, None]] = defaultdict(dict)
        for node in board.nodes.values():
            if node.value:
                for spec, scope in self.by_signal.get(node.signal, ()):
                    named[spec.id].update(dict.fromkeys(_around(graph, node.service, scope)))
        found = []
        for spec in self.specs:
            if spec.id in named:
                near = named[spec.id]
                found += [
                    (spec, component, members)
                    for component, members in components(spec, graph)
                    if any(m in near for m in members)
                ]
        return found


_ready: OrderedDict[tuple[int, ...], Compiled] = OrderedDict()


def _compile(specs: tuple[RunbookSpec, ...]) -> Compiled:
    own = {spec.id: own_signs(spec) for spec in specs}
    by_signal: dict[str, list[tuple[RunbookSpec, str]]] = defaultdict(list)
    for spec in specs:
        for key in own[spec.id]:
            signal, scope = split_key(key)
            by_signal[signal].append((spec, scope))
    definitions: dict[str, set[str]] = defaultdict(set)
    for spec in specs:
        for kind in spec.applies_to:
            one_of = {k for k in spec.shows_one_of if spec.symptoms.get(k) in USUAL}
            definitions[kind] |= {k for k in {*spec.requires, *one_of} if split_key(k)[1] == ""}
    return Compiled(specs, own, by_signal, {k: frozenset(v) for k, v in definitions.items()})


def own_signs(spec: RunbookSpec) -> tuple[str, ...]:
    """The keys that define the cause, and else those that are seen on the part itself."""
    listed = dict.fromkeys([*spec.requires, *spec.shows_one_of])
    if not listed:
        listed = dict.fromkeys(k for k in spec.symptoms if split_key(k)[1] == "")
    return tuple(listed or dict.fromkeys(spec.symptoms))


def _around(graph: SystemGraph, service: str, scope: str) -> Iterator[str]:
    """The parts from which `service` is in `scope`."""
    if scope == "callers":
        yield from graph.dependencies([service])
    elif scope == "deps":
        yield from graph.callers([service])
    elif scope == "group":
        yield from graph.peers(service)
    elif scope == "links":
        yield from (m for m, carriers in graph.links.items() if service in carriers)
    elif scope == "any":
        yield from graph.kinds
    else:
        yield service


def matches(spec: RunbookSpec, node: Node) -> bool:
    """Whether one of the node's holding states has the text this cause is known by."""
    pattern = spec.match.get(node.signal)
    if pattern is None:
        return True
    found = patterns.compiled(pattern, ignore_case=True)
    return any(found.search(s.text) or found.search(s.label) for s in node.holding())


def targets(
    graph: SystemGraph, board: Board, members: tuple[str, ...], key: str
) -> list[tuple[str, str, int]]:
    """(signal, service, hops) for a symptom key seen from a component."""
    signal, scope = split_key(key)
    if scope == "callers":
        return [(signal, s, hops) for s, hops in graph.callers(members).items()]
    if scope == "deps":
        return [(signal, s, hops) for s, hops in graph.dependencies(members).items()]
    if scope == "group":
        peers = {p for m in members for p in graph.peers(m)} - set(members)
        return [(signal, p, 1) for p in sorted(peers)]
    if scope == "links":
        return [(signal, c, 1) for c in sorted({c for m in members for c in graph.links.get(m, ())})]
    if scope == "any":
        return [(signal, n.service, 1) for n in board.by_signal.get(signal, [])]
    return [(signal, m, 1) for m in members]


def components(spec: RunbookSpec, graph: SystemGraph) -> list[tuple[str, tuple[str, ...]]]:
    """Services of the right kind, and groups all of whose replicas are."""
    fits = [n for n, kind in graph.kinds.items() if kind in spec.applies_to or "any" in spec.applies_to]
    found: list[tuple[str, tuple[str, ...]]] = [(n, (n,)) for n in fits]
    fit = set(fits)
    for group, names in graph.groups.items():
        if len(names) > 1 and all(n in fit for n in names) and group not in graph.kinds:
            found.append((group, tuple(names)))
    return found
