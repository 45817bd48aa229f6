"""Noisy-OR abduction: the odds of nothing, each cause, and each pair of causes, and of something unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from agent.reasoner.board import Board, Node
from agent.reasoner.causes import Cause

ELSE_WEIGHT = 0.1  # something no runbook knows may show any symptom
ELSE_PRIOR = 0.01
NOTHING_BITS = -4.0  # a symptom that held long enough to be asked about is seldom a false alarm
PAIR_POOL = 40  # only the best singles are tried in pairs
KEEP_BITS = 14.0  # sets further than this below the best carry no weight
TEMPERATURE = 1.0  # fitted on simulated incidents, see tests/agent/reasoner/test_simulated.py

Set = tuple[int, ...]  # indexes of causes; ELSE stands for something unknown
ELSE = -1


@dataclass
class Posterior:
    """Probability of each set of causes, the most probable first, and of each cause at all."""

    sets: list[tuple[Set, float]]
    marginal: dict[int, float] = field(default_factory=dict)

    @property
    def none(self) -> float:
        return sum(p for s, p in self.sets if not any(i >= 0 for i in s))


def node_bits(node: Node, silent: float) -> float:
    """Bits for a symptom that holds, given the chance `silent` that no cause of the set shows it."""
    return node.weight * math.log2((1 - (1 - node.leak) * silent) / node.leak)


def explained_bits(cause: Cause, board: Board) -> dict[int, float]:
    return {i: node_bits(board.true[i], 1 - w) for i, w in cause.explains.items()}


def infer(causes: list[Cause], board: Board, temperature: float = TEMPERATURE) -> Posterior:
    """Score the empty set, singles and pairs. Exact over these sets; only hopeless pairs are left out."""
    weights: dict[int, dict[int, float]] = {i: c.explains for i, c in enumerate(causes)}
    bits = {i: explained_bits(c, board) for i, c in enumerate(causes)}
    base = {i: c.prior_bits + c.penalty_bits + c.bonus_bits for i, c in enumerate(causes)}
    weights[ELSE] = dict.fromkeys(range(len(board.true)), ELSE_WEIGHT)
    bits[ELSE] = {i: node_bits(n, 1 - ELSE_WEIGHT) for i, n in enumerate(board.true)}
    base[ELSE] = math.log2(ELSE_PRIOR / (1 - ELSE_PRIOR))
    single = {i: base[i] + sum(bits[i].values()) for i in base}
    scores: dict[Set, float] = {
        (): NOTHING_BITS if board.true else 0.0,
        **{(i,): s for i, s in single.items()},
    }
    pool = sorted((i for i in single if i >= 0), key=lambda i: -single[i])[:PAIR_POOL]
    for a, b in combinations([*pool, ELSE], 2):
        if not _same_thing(causes, a, b):
            scores[a, b] = single[a] + single[b] + _shared_bits(board, weights, bits, a, b)
    return _normalise(scores, temperature)


def _shared_bits(
    board: Board, weights: dict[int, dict[int, float]], bits: dict[int, dict[int, float]], a: int, b: int
) -> float:
    """What two causes that explain the same symptom may not both claim: this is the explaining away."""
    mine, other = weights[a], weights[b]
    extra = 0.0
    for i in mine.keys() & other.keys() if b != ELSE else mine:
        both = node_bits(board.true[i], (1 - mine[i]) * (1 - other[i]))
        extra += both - bits[a][i] - bits[b][i]
    return extra


def _same_thing(causes: list[Cause], a: int, b: int) -> bool:
    """A cause on a group is that cause on its replicas: neither group and replica nor all replicas are a pair."""
    if a < 0 or b < 0:
        return False
    first, second = causes[a], causes[b]
    if first.component == second.component and set(first.spec.requires) & set(second.spec.requires):
        return True  # two readings of one change
    if first.spec.id != second.spec.id:
        return False
    members = {*first.members, *second.members}
    return len(members) < len(first.members) + len(second.members) or (
        len(members) > 1 and members == first.group
    )


def _normalise(scores: dict[Set, float], temperature: float) -> Posterior:
    best = max(scores.values())
    floor = best - KEEP_BITS * temperature
    odds = {s: 2 ** ((v - best) / temperature) for s, v in scores.items() if v > floor}
    total = sum(odds.values())
    sets = sorted(((s, o / total) for s, o in odds.items()), key=lambda x: -x[1])
    posterior = Posterior(sets)
    for members, p in sets:
        for i in members:
            if i >= 0:
                posterior.marginal[i] = posterior.marginal.get(i, 0.0) + p
    return posterior


def entropy(probabilities: Iterable[float]) -> float:
    """Bits; the probabilities need not add up to 1 (they are scaled)."""
    values = [p for p in probabilities if p > 0]
    total = sum(values)
    return -sum(p / total * math.log2(p / total) for p in values) if total > 0 else 0.0
