"""The evidence, arranged by (signal, service), with what the catalogue knows of each signal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from agent.reasoner.types import Catalog, SignalInfo, State, States

DEFAULT_LEAK = 0.02
MIN_LEAK, MAX_LEAK = 0.001, 0.9
DEFAULT_COST = 1.0


@dataclass
class Node:
    """One signal on one service, all labels together: True when any label holds."""

    signal: str
    service: str
    value: bool | None
    leak: float
    states: list[State] = field(default_factory=list)
    weight: float = 1.0  # several true nodes of one signal are not independent: each counts less

    def holding(self) -> list[State]:
        return [s for s in self.states if s.value]


@dataclass
class Board:
    """All nodes. `true` are the ones to be explained, in a fixed order."""

    nodes: dict[tuple[str, str], Node]
    by_signal: dict[str, list[Node]]
    true: list[Node]
    index: dict[tuple[str, str], int]
    catalog: Catalog

    def get(self, signal: str, service: str) -> Node | None:
        return self.nodes.get((signal, service))

    def leak(self, signal: str) -> float:
        return _leak(self.catalog.get(signal))

    def cost(self, signal: str) -> float:
        info = self.catalog.get(signal)
        return DEFAULT_COST if info is None else max(float(info.cost), 0.05)

    def source(self, signal: str) -> str:
        info = self.catalog.get(signal)
        return "" if info is None else str(info.source)


def _leak(info: SignalInfo | None) -> float:
    return min(max(DEFAULT_LEAK if info is None else float(info.leak), MIN_LEAK), MAX_LEAK)


def arrange(states: States, catalog: Catalog) -> Board:
    """Put states of all labels of a signal on a service together; unknown ones never count as absent."""
    nodes: dict[tuple[str, str], Node] = {}
    for state in states:
        key = (state.signal, state.service)
        node = nodes.get(key)
        if node is None:
            node = nodes[key] = Node(*key, value=None, leak=_leak(catalog.get(state.signal)))
        node.states.append(state)
        if state.value or node.value is None:
            node.value = state.value
    by_signal: dict[str, list[Node]] = {}
    for node in nodes.values():
        by_signal.setdefault(node.signal, []).append(node)
    true = sorted((n for n in nodes.values() if n.value), key=lambda n: (n.signal, n.service))
    for node in true:
        trust = float(getattr(catalog.get(node.signal), "trust", 1.0))
        node.weight = trust / math.sqrt(sum(1 for n in by_signal[node.signal] if n.value))
    index = {(n.signal, n.service): i for i, n in enumerate(true)}
    return Board(nodes, by_signal, true, index, catalog)
