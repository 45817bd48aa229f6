"""Noisy-OR abduction: the odds of nothing, each cause, and each pair of causes, and of something unknown in a part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.reasoner.board import Board, Node
from agent.reasoner.causes import Cause

NOTHING_BITS = -4.0  # a symptom that held long enough to be asked about is seldom a false alarm
PAIR_POOL = 40  # only the best singles are tried in pairs
KEEP_BITS = 14.0  # sets further than this below the best carry no weight
TEMPERATURE = 1.0  # as the odds are: of 128 recorded cases what was said was right more often than it claimed

Set = tuple[int, ...]  # indexes of causes
Matrix = NDArray[np.float64]


@dataclass
class Posterior:
    """Probability of each set of causes, the most probable first, and of each cause at all. `known`: which of them have
    a name."""

    sets: list[tuple[Set, float]]
    known: frozenset[int] = frozenset()
    marginal: dict[int, float] = field(default_factory=dict)

    def with_places(self, places: Mapping[int, int]) -> Posterior:
        """The same odds with `places[i]` instead of `i`; sets that become equal are one."""
        odds: dict[Set, float] = {}
        for members, p in self.sets:
            new = tuple(dict.fromkeys(places.get(i, i) for i in members))
            odds[new] = odds.get(new, 0.0) + p
        return _posterior(odds, self.known)

    @property
    def none(self) -> float:
        return sum(p for s, p in self.sets if not any(i in self.known for i in s))


def node_bits(node: Node, silent: float) -> float:
    """Bits for a symptom that holds, given the chance `silent` that no cause of the set shows it."""
    return node.weight * math.log2((1 - (1 - node.leak) * silent) / node.leak)


def explained_bits(cause: Cause, board: Board) -> dict[int, float]:
    return {i: node_bits(board.true[i], 1 - w) for i, w in cause.explains.items()}


def infer(causes: list[Cause], board: Board, temperature: float = TEMPERATURE) -> Posterior:
    """Score the empty set, singles and pairs. Exact over these sets; only hopeless pairs are left out."""
    known = frozenset(i for i, c in enumerate(causes) if c.is_known)
    scores: dict[Set, float] = {(): NOTHING_BITS if board.true else 0.0}
    if causes:
        silent = np.ones((len(causes), len(board.true)))
        for i, cause in enumerate(causes):
            for number, chance in cause.explains.items():
                silent[i, number] = 1 - chance
        base = np.array([c.prior_bits + c.penalty_bits + c.bonus_bits for c in causes])
        single = base + _bits(board.true, silent).sum(axis=-1)
        scores |= {(i,): float(s) for i, s in enumerate(single)}
        pool = [int(i) for i in np.argsort(-single, kind="stable")[:PAIR_POOL]]
        _pairs(scores, causes, board, silent, base, pool)
    return _normalise(scores, temperature, known)


def _bits(nodes: Sequence[Node], silent: Matrix) -> Matrix:
    """`node_bits` of all nodes (last axis) at once."""
    leak = np.array([n.leak for n in nodes])
    weight = np.array([n.weight for n in nodes])
    found: Matrix = weight * np.log2((1 - (1 - leak) * silent) / leak)
    return found


def _pairs(
    scores: dict[Set, float], causes: list[Cause], board: Board, silent: Matrix, base: Matrix, pool: list[int]
) -> None:
    """Two causes that explain the same symptom may not both claim it: this is the explaining away."""
    for place, a in enumerate(pool):
        others = [b for b in pool[place + 1 :] if not _same_thing(causes[a], causes[b])]
        if others:
            bits = _bits(board.true, np.minimum(silent[others], silent[a])).sum(axis=-1)
            for b, s in zip(others, bits + base[others] + base[a], strict=True):
                scores[a, b] = float(s)


def _same_thing(first: Cause, second: Cause) -> bool:
    """A cause on a group is that cause on its replicas: neither group and replica nor all replicas are a pair. Two
    unknowns are no more than one."""
    if not first.is_known and not second.is_known:
        return True
    if first.component == second.component and not (first.is_known and second.is_known):
        return True
    if first.component == second.component and (first.is_change or second.is_change):
        return True  # a change, and what it led to on its part or another reading of it: one story
    if first.spec is None or second.spec is None or first.spec.id != second.spec.id:
        return False
    members = {*first.members, *second.members}
    return len(members) < len(first.members) + len(second.members) or (
        len(members) > 1 and members == first.group
    )


def _normalise(scores: dict[Set, float], temperature: float, known: frozenset[int]) -> Posterior:
    best = max(scores.values())
    floor = best - KEEP_BITS * temperature
    return _posterior({s: 2 ** ((v - best) / temperature) for s, v in scores.items() if v > floor}, known)


def _posterior(odds: Mapping[Set, float], known: frozenset[int]) -> Posterior:
    total = sum(odds.values())
    sets = sorted(((s, o / total) for s, o in odds.items()), key=lambda x: -x[1])
    posterior = Posterior(sets, known)
    for members, p in sets:
        for i in members:
            posterior.marginal[i] = posterior.marginal.get(i, 0.0) + p
    return posterior


def entropy(probabilities: Iterable[float]) -> float:
    """Bits; the probabilities need not add up to 1 (they are scaled)."""
    values = [p for p in probabilities if p > 0]
    total = sum(values)
    return -sum(p / total * math.log2(p / total) for p in values) if total > 0 else 0.0
