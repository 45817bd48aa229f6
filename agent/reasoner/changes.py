"""What changed, as a cause: it explains what began after it took effect, on its part and on what needs that.

What its time tells (lags.py) is not enough to act on: it takes a sign of the change's own kind, its name in what is
said of the trouble, the very time or place that it set in what is measured (quantity.py, wiring.py), or what it does
(drastic.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.reasoner import drastic, history, principals, quantity, spread, wiring, words
from agent.reasoner.board import ORDER_S, SLACK_S, Board, Node
from agent.reasoner.causes import Cause
from agent.reasoner.lags import first_sign, weigh_time
from agent.reasoner.types import Change
from systems.graph import SystemGraph

PRIOR = 0.02  # that trouble on a part comes from a change of a given kind to it
NO_SIGN_BITS = 2.0  # nothing of what holds is of the change's own kind
HALF = 0.5  # of what speaks against a change counts from the first look on
AGREES_BITS = 4.0  # that the time is measured, or the place is gone to, which was set
SPOKEN_OF = 2  # so many plain names of its own in what is said of the trouble are no chance
SHORTLY_S = 120.0
PUT_BACK_BITS = 5.0
MOST = 60  # changes looked at, the newest first


def is_told(names: set[str]) -> bool:
    """Whether these names of what was changed, in what is said of the trouble, are no chance."""
    return len(names) >= SPOKEN_OF or any(words.is_of_several(name) for name in names)


def build(
    changes: Sequence[Change],
    known: Sequence[Cause],
    graph: SystemGraph,
    board: Board,
    now: float | None,
    settled: float,
) -> list[Cause]:
    """A cause for each change that something may have followed from and that no runbook's cause already is."""
    taken = {(m, n.signal) for c in known for n in c.signs if n.changed for m in c.members}
    sick = {n.service for n in board.true if n.noted}
    found = []
    for go, component in history.together(changes, graph)[:MOST]:
        members = history.members(component, graph)
        go = [c for c in go if not history.is_old(c, now) and not history.is_ours(c, changes)]
        go = [c for c in go if not history.is_right_again(c)]
        if not members or not go:
            continue
        if any((m, s) in taken for m in members for c in go for s in board.signs_of(c.kind)):
            continue
        if not sick & {
            *members,
            *graph.callers(members),
            *(n for m in members for n in graph.needs.get(m, ())),
        }:
            continue
        cause = _cause(go, component, members, changes, graph, board, settled)
        if cause.change is not None and history.is_put_back(cause.change, changes):
            cause.bonus_bits -= PUT_BACK_BITS + _does(cause)
            cause.is_put_back = True
        found.append(cause)
    found = [c for c in found if _has_path(c, graph, board)]
    _share(found)
    return found


def _share(causes: Sequence[Cause]) -> None:
    """Many changes to a part make it no likelier that one of them is the cause: those of which only their time speaks
    are together as likely as the likeliest of them alone, and so are those of one kind."""
    alike: dict[tuple[str, str], list[Cause]] = {}
    for cause in causes:
        kind = "" if cause.change is None or is_coincidence(cause) else cause.change.kind
        alike.setdefault((cause.component, kind), []).append(cause)
    for together in alike.values():
        bits = [c.prior_bits + c.bonus_bits + c.penalty_bits for c in together]
        more = math.log2(sum(2 ** (b - max(bits)) for b in bits))
        for cause in together:
            cause.prior_bits -= more


def is_coincidence(cause: Cause) -> bool:
    """Whether only its time speaks for it: no sign, no word, no measurement, nor what it does itself."""
    spoken_for = cause.signs or cause.is_spoken_of or cause.is_measured
    return cause.kind == "change" and not (spoken_for or _does(cause) >= drastic.GREATLY)


def _does(cause: Cause) -> float:
    """What its change does speaks for it, as long as that was not taken back, and is not itself what takes back."""
    told = cause.change is not None and cause.ended is None and not cause.is_put_back
    return drastic.bits(cause.change) if cause.change is not None and told else 0.0


def _has_path(cause: Cause, graph: SystemGraph, board: Board) -> bool:
    """Whether something that it explains is on its part, or reached by an edge: a journey alone tells of no way."""
    near = {*cause.members, *graph.callers(cause.members)}
    nodes = (board.true[i] for i in cause.explains)
    return any(not n.is_journey or n.service in near for n in nodes)


def _cause(
    go: Sequence[Change],
    component: str,
    members: tuple[str, ...],
    changes: Sequence[Change],
    graph: SystemGraph,
    board: Board,
    settled: float,
) -> Cause:
    """Of what was changed in one go the one that most speaks for stands for all."""
    prior = math.log2(PRIOR / (1 - PRIOR))
    cause = Cause("change", component, members, prior, kind="change")
    cause.group = frozenset([*members, *graph.peers(members[0])])
    reached = list(spread.changed(graph, board, members, {c.kind for c in go}))
    change = cause.change = _telling(go, cause, [node for node, _, _ in reached], graph, board)
    at = change.effective_at or change.last_old
    cause.began, cause.slack_s = at.timestamp() - ORDER_S, 0.0
    cause.ended = history.undone(change, changes)
    of_others = principals.keeps_out_others(change, members, graph, board)
    for node, number, chance in reached:
        if not (of_others and principals.is_refusal(node, board)):
            hardly = spread.is_ended_by_what_is_kept(node, change, members)
            cause.explain(number, node, min(chance, spread.ENDED_BY_KEPT) if hardly else chance)
    for node, number, chance in spread.left_lying(graph, board, members):
        cause.explain(number, node, chance)
    explain_asked(cause, [change], graph, board)
    _explain_named(cause, change, graph, board)
    cause.signs = [
        n for n in board.true
        if board.is_moved_by(n.signal, change.kind, change.what)
        and not (of_others and principals.is_refusal(n, board))
        and not spread.is_ended_by_what_is_kept(n, change, members)
        and _concerns(n, cause, graph) and not drastic.allows_more(change)
    ]  # fmt: skip
    weigh_time(cause, board, change.kind, change.component)
    _weigh_words(cause, change, graph, board)
    cause.bonus_bits += _does(cause)
    if is_coincidence(cause):
        cause.bonus_bits -= NO_SIGN_BITS
    cause.bonus_bits += max(settled, HALF) * spread.silent_bits(graph, board, members)
    return cause


def _telling(
    go: Sequence[Change], cause: Cause, reach: Sequence[Node], graph: SystemGraph, board: Board
) -> Change:
    """Of what was changed in one go the one that most speaks for, by what it may have brought about (`reach`)."""
    return max(
        go,
        key=lambda c: (
            not history.rests_on_another(c, go),
            is_measured(c, reach, graph, board),
            any(board.is_moved_by(n.signal, c.kind, c.what) for n in reach),
            len(words.names(c.thing, cause, reach)),
            drastic.bits(c),
            drastic.distance(c),
        ),
    )


def _weigh_words(cause: Cause, change: Change, graph: SystemGraph, board: Board) -> None:
    """What is said and measured of the trouble, and has the change in it."""
    explained = [board.true[i] for i in cause.explains]
    spoken_of = words.names(change.thing, cause, explained)
    cause.is_spoken_of = is_told(spoken_of)
    cause.bonus_bits += words.bits(spoken_of)
    if not spoken_of and words.is_hinted(change.what, explained):
        cause.bonus_bits += words.HINT_BITS
        cause.is_spoken_of = drastic.bits(change) >= drastic.SOMEWHAT  # both together are no chance
    cause.is_measured = is_measured(change, explained, graph, board)
    cause.bonus_bits += AGREES_BITS * cause.is_measured


def _explain_named(cause: Cause, change: Change, graph: SystemGraph, board: Board) -> None:
    """Its part, and whoever needs that, say words that name the very thing: they follow from it, whatever it is that
    they tell of."""
    near = {*cause.members, *graph.callers(cause.members)}
    for number, node in enumerate(board.true):
        said = node.klass == "words" and node.noted and node.service in near
        if said and is_told(words.names(change.thing, cause, [node])):
            cause.explain(number, node, spread.COMPLAINED_OF)


def explain_asked(cause: Cause, changes: Sequence[Change], graph: SystemGraph, board: Board) -> None:
    """Whom the changed part needs complains of what it asks for since."""
    for change in changes:
        for number, node in wiring.asked(change, cause.members, graph, board):
            cause.explain(number, node, spread.COMPLAINED_OF)


def is_measured(change: Change, nodes: Sequence[Node], graph: SystemGraph, board: Board) -> bool:
    if quantity.agrees(change, nodes, board):
        return True
    return wiring.leads_elsewhere(change, graph, nodes) or wiring.is_tried(change, nodes)


def _concerns(node: Node, cause: Cause, graph: SystemGraph) -> bool:
    """Whether a sign of the change's kind is on the changed part, or said by whoever needs it, after it."""
    there = node.service in cause.members or node.service in graph.callers(cause.members)
    return there and (cause.began is None or node.onset is None or node.onset >= cause.began - cause.slack_s)


def behind(cause: Cause, graph: SystemGraph, board: Board) -> list[Node]:
    """The signs of change that a cause needs, or that may have led to it: shortly before, on its part or on what that
    needs or is needed by."""
    near = {
        *cause.members,
        *graph.callers(cause.members),
        *(n for m in cause.members for n in graph.needs.get(m, ())),
    }
    first, own = first_sign(cause), {id(n) for n in cause.signs}
    return [
        n for n in board.nodes.values()
        if n.changed and n.value and (
            id(n) in own
            or (n.service in near and (n.onset is None or first - SHORTLY_S <= n.onset <= first + SLACK_S))
        )
    ]  # fmt: skip
