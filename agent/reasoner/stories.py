"""One story told once: a change, and what a runbook names on the same part as following from it; a cause on a replica,
and the same on its group; that something was changed, and what just that change makes of it.

They are true together, so they are no rivals. The named cause leads a change, because it has been measured and somebody
wrote down what helps, and the change is its evidence; of two named ones the more probable leads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from agent.reasoner import blame, history
from agent.reasoner.board import Board, Node
from agent.reasoner.causes import Cause
from agent.reasoner.infer import Posterior
from agent.reasoner.lags import PROMPT_S, first_sign
from agent.reasoner.types import Change
from systems.graph import SystemGraph

LEAST = 0.02  # a named cause less probable than this tells no story, unless all that defines it was measured
LIKE = 0.5  # of the chance that one has to bring it about: then the other may as well have done so
DENIED = ("rules out", "required", "not measured", "other", "not in effect")


def told_once(
    posterior: Posterior,
    causes: Sequence[Cause],
    changes: Sequence[Change],
    graph: SystemGraph,
    board: Board,
) -> tuple[Posterior, dict[int, int]]:
    """The posterior with one cause in the place of all that tell its story, and in whose place it stands."""
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
            best = max(fits, key=lambda j: odds.get(j, 0.0))
            whole = (j for j in fits if _is_of_a_group(causes[best], causes[j]))
            follows[i] = next(whole, best) if len(causes[i].members) > 1 else best
    for j in sorted(named, key=lambda j: -odds.get(j, 0.0)):
        for i in _senders(causes[j], causes, odds, changes, graph, board):
            follows.setdefault(i, j)
    by_odds = sorted(named, key=lambda i: -odds.get(i, 0.0))
    for place, i in enumerate(by_odds):
        surer = by_odds[:place]
        as_sure = [j for j in by_odds[place + 1 :] if odds.get(j, 0.0) >= LIKE * odds.get(i, 0.0)]
        leads = [j for j in surer if _is_of_a_group(causes[i], causes[j])]
        leads += [j for j in surer if _is_change_of(causes[i], causes[j]) and not _is_harmless(causes[j])]
        leads += [j for j in as_sure if _is_nothing_but_a_change(causes[i]) and _led_to(causes[i], causes[j])]
        leads += [
            j for j in surer if _is_nothing_but_a_change(causes[j]) and _makes(causes[j], causes[i], board)
        ]
        if i not in follows and (leads := [j for j in leads if j not in follows]):
            follows[i] = leads[0]
    follows = {i: follows.get(j, j) for i, j in follows.items()}
    return (posterior.with_places(follows) if follows else posterior), follows


def _senders(
    named: Cause,
    causes: Sequence[Cause],
    odds: Mapping[int, float],
    changes: Sequence[Change],
    graph: SystemGraph,
    board: Board,
) -> list[int]:
    """The causes that are a change of who sends too much, where it evidently is behind what is named: one story, and
    to take that back is a path of it."""
    change, bits = blame.blamed(named, changes, graph, board)
    if change is None or bits <= 0:
        return []
    parts = {*history.members(change.component, graph)} - {*named.members}
    at_its_part = [i for i in odds if causes[i].is_change and parts & {*causes[i].members}]
    return [i for i in at_its_part if causes[i].change in (None, change)]


def _came_long_after(named: Cause, change: Cause, board: Board) -> bool:
    """Whether what the change brought about had been there for a while when the named cause first showed: then that is
    one more thing that followed, and not how it came about."""
    nodes = (board.true[i] for i in change.explains)
    began = change.began if change.began is not None else math.inf
    first = min((n.onset for n in nodes if n.onset is not None and n.onset >= began), default=math.inf)
    own = first_sign(named)
    return math.inf > own > first + PROMPT_S


def _is_defined(cause: Cause) -> bool:
    """Whether everything that its runbook defines it by holds, and not in words alone: what else it would show may only
    come later."""
    shown = {key.partition("@")[0] for key in cause.spec.shows_one_of} if cause.spec else set()
    measured = any(n.signal in shown and n.klass != "words" for n in cause.signs)
    defined = measured or bool(cause.spec and cause.spec.requires)
    return defined and not any(how in DENIED for _, _, how, _ in cause.against)


def _is_of_a_group(cause: Cause, leader: Cause) -> bool:
    """Whether it is the cause of a whole group, all of which shows it, on one replica alone."""
    if cause.spec is None or leader.spec is None or cause.spec.id != leader.spec.id:
        return False
    mine, all_ = {*cause.members}, {*leader.members}
    return mine < all_ <= {n.service for n in leader.signs}


def _is_change_of(change: Cause, leader: Cause) -> bool:
    """Whether it only says that there was a change, by the very signs that make the leader's cause of it, or of what
    led to the leader."""
    its = _ids(change.signs) <= _ids(leader.signs)
    return _is_plain_beside(change, leader) and (its or _led_to(change, leader))


def _led_to(change: Cause, leader: Cause) -> bool:
    """Whether the signs of a change may have led to the leader."""
    signs = _ids(change.signs)
    return bool(signs) and _is_plain_beside(change, leader) and signs <= _ids(leader.led_by)


def _makes(change: Cause, other: Cause, board: Board) -> bool:
    """Whether a change may have led to the other cause, and is of a kind that brings its signs about by itself."""
    kinds = {k for n in change.signs for k in board.moved_by(n.signal)}
    return _led_to(change, other) and any(k in kinds for n in other.signs for k in board.moved_by(n.signal))


def _is_harmless(cause: Cause) -> bool:
    """Whether its runbook says that nothing need be done: no name for what a change has led to."""
    return cause.spec is not None and cause.spec.severity == "low" and not cause.spec.actions


def _is_nothing_but_a_change(cause: Cause) -> bool:
    """Whether its runbook knows of nothing else that it would show."""
    named = {key.partition("@")[0] for key in cause.spec.symptoms} if cause.spec else set()
    return bool(named) and named <= {n.signal for n in cause.signs}


def _is_plain_beside(change: Cause, leader: Cause) -> bool:
    """Whether both are runbooks' causes of one part, and nothing but a change is needed for the one."""
    if change.spec is None or leader.spec is None or change.spec.id == leader.spec.id:
        return False
    plain = not change.spec.match and all(n.changed for n in change.signs)
    return plain and change.component == leader.component


def _ids(nodes: Sequence[Node]) -> set[int]:
    return {id(n) for n in nodes}


def is_bystander(cause: Cause, surer: Cause, board: Board) -> bool:
    """Whether it rests on a change alone, and a surer cause brings about all that it would: then that there was a
    change is all that speaks for it, and nothing is done about it beside the other."""
    if not cause.is_change or not all(n.changed or n.is_journey for n in cause.signs):
        return False
    noted = [i for i in cause.explains if board.true[i].noted]
    return all(surer.explains.get(i, 0.0) >= LIKE * cause.explains[i] for i in noted)
