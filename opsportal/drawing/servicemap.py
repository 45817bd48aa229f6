"""The service map: callers left, what they need to the right, placed on the server and drawn as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NODE_W, NODE_H = 184, 72
GAP_X, GAP_Y, PAD = 84, 18, 10
SWEEPS = 4


@dataclass
class Node:
    name: str
    x: float
    y: float

    @property
    def right(self) -> float:
        return self.x + NODE_W

    @property
    def middle(self) -> float:
        return self.y + NODE_H / 2


@dataclass
class Edge:
    source: str
    target: str
    path: str


@dataclass
class Layout:
    width: float
    height: float
    nodes: dict[str, Node]
    edges: list[Edge]


def layout(depends_on: Mapping[str, Sequence[str]]) -> Layout:
    """Place services in columns by their longest chain of callers. Cycles are drawn, but do not count for columns."""
    forward = _without_cycles(depends_on)
    columns = _order(_columns(forward), forward)
    tallest = max((len(c) for c in columns), default=0)
    height = max(1, tallest) * (NODE_H + GAP_Y) - GAP_Y + 2 * PAD
    nodes: dict[str, Node] = {}
    for index, column in enumerate(columns):
        free = height - 2 * PAD - len(column) * NODE_H
        gap = min(GAP_Y * 3.0, free / (len(column) + 1)) if len(column) < tallest else float(GAP_Y)
        used = len(column) * NODE_H + (len(column) - 1) * gap
        top = (height - used) / 2
        for row, name in enumerate(column):
            nodes[name] = Node(name, PAD + index * (NODE_W + GAP_X), top + row * (NODE_H + gap))
    width = 2 * PAD + max(1, len(columns)) * (NODE_W + GAP_X) - GAP_X
    edges = [
        Edge(a, b, _curve(nodes[a], nodes[b]))
        for a, targets in depends_on.items()
        for b in targets
        if b in nodes
    ]
    return Layout(width, height, nodes, edges)


def _without_cycles(depends_on: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The graph without the edges that close a cycle (found by a depth-first walk)."""
    kept: dict[str, list[str]] = {name: [] for name in depends_on}
    done: set[str] = set()
    active: set[str] = set()

    def visit(name: str) -> None:
        active.add(name)
        for other in depends_on[name]:
            if other not in kept or other in active:
                continue
            kept[name].append(other)
            if other not in done:
                visit(other)
        active.discard(name)
        done.add(name)

    for name in depends_on:
        if name not in done:
            visit(name)
    return kept


def _columns(forward: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depth: dict[str, int] = dict.fromkeys(forward, 0)
    for _ in forward:  # longest path: settles after at most as many rounds as there are services
        moved = False
        for name, targets in forward.items():
            for other in targets:
                if depth[other] < depth[name] + 1:
                    depth[other] = depth[name] + 1
                    moved = True
        if not moved:
            break
    called = {other for targets in forward.values() for other in targets}
    deepest = max(depth.values(), default=0)
    for name, targets in forward.items():  # a caller nobody calls stands next to what it needs
        if name not in called:
            depth[name] = min((depth[t] for t in targets), default=deepest + 1) - 1
    low = min(depth.values(), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) - low + 1)]
    for name in forward:
        columns[depth[name] - low].append(name)
    return [c for c in columns if c]


def _order(columns: list[list[str]], forward: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Fewer crossings: each column is sorted by the mean place of its neighbours, a few times to and fro."""
    neighbours: dict[str, set[str]] = {name: set(targets) for name, targets in forward.items()}
    for name, targets in forward.items():
        for other in targets:
            neighbours[other].add(name)
    for sweep in range(SWEEPS):
        place = {name: (row + 0.5) / len(column) for column in columns for row, name in enumerate(column)}
        for column in columns if sweep % 2 == 0 else reversed(columns):
            column.sort(key=lambda n: _mean([place[o] for o in neighbours[n]], place[n]))
            place |= {name: (row + 0.5) / len(column) for row, name in enumerate(column)}
    return columns


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _curve(a: Node, b: Node) -> str:
    if b.x > a.x:
        bend = max(40.0, (b.x - a.right) * 0.5)
        points = (a.right, a.middle, a.right + bend, a.middle, b.x - bend, b.middle, b.x, b.middle)
    else:
        side = max(a.right, b.right) + 36
        points = (a.right, a.middle, side, a.middle, side, b.middle, b.right, b.middle)
    return "M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}".format(*points)
