"""One story told once: a change, and what a runbook names on the same part as following from it.

Both are true together, so they are no rivals: the named cause leads, because it has been measured and somebody wrote
down what helps, and the change is its evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.reasoner import blame
from agent.reasoner.board import Board
from agent.reasoner.causes import Cause
from agent.reasoner.changes import PROMPT_S, first_sign
from agent.reasoner.infer import Posterior
from agent.reasoner.types import Change
from systems.graph import SystemGraph

LEAST = 0.02  # a named cause less probable than this tells no story, unless all that defines it was measured
DENIED = ("rules out", "required", "not measured", "other")


def told_once(
    posterior: Posterior,
    causes: Sequence[Cause],
    changes: Sequence[Change],
    graph: SystemGraph,
    board: Board,
) -> Posterior:
    """The posterior with each change in the place of the named cause that follows from it, where there is one."""
    odds = posterior.marginal
    named = [i for i, c in enumerate(causes) if c.spec and (odds.get(i, 0.0) >= LEAST or _is_defined(c))]
    follows: dict[int, int] = {}
    for i in odds:
        change = causes[i].change
        fits = [
            j for j in named
            if change and not _came_long_after(causes[j], causes[i], board)
            and blame.follows(causes[j], change, changes, graph, board)
        ]  # fmt: skip
        if fits:
            follows[i] = max(fits, key=lambda j: odds.get(j, 0.0))
    return posterior.with_places(follows) if follows else posterior


def _came_long_after(named: Cause, change: Cause, board: Board) -> bool:
    """Whether what the change brought about had been there for a while when the named cause first showed: then that is
    one more thing that followed, and not how it came about."""
    nodes = (board.true[i] for i in change.explains)
    began = change.began if change.began is not None else math.inf
    first = min((n.onset for n in nodes if n.onset is not None and n.onset >= began), default=math.inf)
    own = first_sign(named)
    return math.inf > own > first + PROMPT_S


def _is_defined(cause: Cause) -> bool:
    """Whether everything that its runbook defines it by holds: what else it would show may only come later."""
    required = bool(cause.spec and cause.spec.requires)
    return required and not any(how in DENIED for _, _, how, _ in cause.against)
