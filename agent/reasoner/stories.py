"""One story told once: a change, and what a runbook names on the same part as following from it.

Both are true together, so they are no rivals: the named cause leads, because it has been measured and somebody wrote
down what helps, and the change is its evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.reasoner import blame
from agent.reasoner.board import Board
from agent.reasoner.causes import Cause
from agent.reasoner.infer import Posterior
from agent.reasoner.types import Change
from systems.graph import SystemGraph

LEAST = 0.02  # a named cause less probable than this tells no story


def told_once(
    posterior: Posterior,
    causes: Sequence[Cause],
    changes: Sequence[Change],
    graph: SystemGraph,
    board: Board,
) -> Posterior:
    """The posterior with each change in the place of the named cause that follows from it, where there is one."""
    named = [i for i, p in posterior.marginal.items() if causes[i].spec is not None and p >= LEAST]
    follows: dict[int, int] = {}
    for i in posterior.marginal:
        change = causes[i].change
        fits = [j for j in named if change and blame.follows(causes[j], change, changes, graph, board)]
        if fits:
            follows[i] = max(fits, key=lambda j: posterior.marginal[j])
    return posterior.with_places(follows) if follows else posterior
