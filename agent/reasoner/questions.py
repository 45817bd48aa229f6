"""Which check to ask next: expected information about the causes, divided by what asking costs."""

from __future__ import annotations

import re

from agent.reasoner.board import Board
from agent.reasoner.causes import Cause
from agent.reasoner.infer import Posterior, entropy
from agent.reasoner.runbooks import targets
from agent.reasoner.types import NextCheck
from systems.graph import SystemGraph

MAX_SETS = 40
MIN_GAIN = 0.005
UNREAD_COST = 3.0  # asking again what could not be read may well fail again
RULED_OUT = 0.005


def next_checks(
    causes: list[Cause], graph: SystemGraph, board: Board, posterior: Posterior
) -> list[NextCheck]:
    """The best few questions whose answer is unknown, most informative per cost first."""
    sets = posterior.sets[:MAX_SETS]
    likely = {i for s, _ in sets for i in s}
    likelihood = {i: _predictions(causes[i], graph, board) for i in likely}
    asked = {node for predicted in likelihood.values() for node in predicted}
    found = []
    for signal, service in asked:
        if not _askable(board, signal, service):
            continue
        chances = [_chance(board, likelihood, s, (signal, service)) for s, _ in sets]
        gain = _gain([p for _, p in sets], chances)
        if gain >= MIN_GAIN:
            unread = 1.0 if board.source(signal) == "check" else UNREAD_COST
            info = board.catalog.get(signal)
            found.append(
                NextCheck(signal, service, gain, board.cost(signal) * unread, _title(info, service, signal))
            )
    return sorted(found, key=lambda c: (-c.score, c.signal, c.service))[:5]


def _predictions(cause: Cause, graph: SystemGraph, board: Board) -> dict[tuple[str, str], float]:
    """P(true) of each unknown node under this cause; what would rule it out hardly ever holds."""
    found = dict(cause.predicts)
    for key in cause.spec.rules_out if cause.spec else ():
        for signal, service, _ in targets(graph, board, cause.members, key):
            node = board.get(signal, service)
            if node is None or node.value is None:
                found[signal, service] = -RULED_OUT
    return found


def _askable(board: Board, signal: str, service: str) -> bool:
    """A check that has no answer yet, or a signal whose source could not be read just now."""
    node = board.get(signal, service)
    if board.source(signal) == "check":
        return node is None or node.value is None
    return node is not None and node.value is None


def _chance(
    board: Board,
    likelihood: dict[int, dict[tuple[str, str], float]],
    causes: tuple[int, ...],
    node: tuple[str, str],
) -> float:
    silent = 1 - board.leak(node[0])
    for i in causes:
        weight = likelihood.get(i, {}).get(node, 0.0)
        if weight < 0:
            return RULED_OUT
        silent *= 1 - weight
    return 1 - silent


def _gain(prior: list[float], chances: list[float]) -> float:
    total = sum(prior)
    yes = [p * c for p, c in zip(prior, chances, strict=True)]
    no = [p * (1 - c) for p, c in zip(prior, chances, strict=True)]
    after = (sum(yes) * entropy(yes) + sum(no) * entropy(no)) / total
    return max(entropy(prior) - after, 0.0)


def _title(info: object, service: str, signal: str) -> str:
    title = str(getattr(info, "title", "") or signal.replace("_", " "))
    title = title.replace("{service}", service)
    return re.sub(r"\s*\(\{[a-z_]+\}\)|:?\s*\{[a-z_]+\}", "", title).strip()
