"""What changed on the part of a named cause: whether that is what it needs, and whether it may have led to it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from agent.reasoner import drastic, history, spread, words
from agent.reasoner.board import SLACK_S, Board, Node
from agent.reasoner.causes import EXCLUDED_BITS, Cause
from agent.reasoner.changes import AGREES_BITS, NO_SIGN_BITS, explain_asked, is_measured, is_told
from agent.reasoner.lags import PROMPT_S, first_sign, lag_bits, weigh_time
from agent.reasoner.types import Change
from systems.graph import SystemGraph

SHARED_BITS = 3.0
PARTS_BITS = 2.0  # a member is not what the others are
DELAYED_BITS = 3.0  # at most: some causes build up slowly
BEHAVIOUR = ("refuses", "fails", "slow")  # what any change may do to how a part works
LINK_BITS = 7.0  # only some who serve what a link points to need no start for it
SEEN_BY_BOTH_S = 6.0  # the probe and the ledger look at the same thing at their own times


def date(changes: Sequence[Change], board: Board) -> None:
    """Tell the signs of changes since when each may have been: a change is noticed some time after it was made, and the
    ledger knows when what changed was last seen as before; or, of what counts from the next start on, that start."""
    for node in (n for n in board.nodes.values() if n.changed and n.value and n.onset is not None):
        kinds = board.moved_by(node.signal)
        seen = [
            (c.effective_at or c.last_old).timestamp() for c in changes
            if c.component == node.service and c.kind in kinds
            and abs(c.first_new.timestamp() - (node.onset or 0.0)) <= SEEN_BY_BOTH_S
        ]  # fmt: skip
        node.since = min(seen, default=None)


def weigh_times(
    causes: Sequence[Cause],
    board: Board,
    changes: Sequence[Change] = (),
    graph: SystemGraph | None = None,
    now: float | None = None,
) -> None:
    """Weigh the time of those causes of runbooks that need a change, also against them, and whether what was set is
    what is measured; and let a change speak for what it may have led to: a named cause whose own signs it would not by
    itself bring about."""
    changed: dict[str, list[Node]] = {}
    for node in board.nodes.values():
        if node.changed and node.value:
            changed.setdefault(node.service, []).append(node)
    for cause in causes:
        signs = [n for n in cause.signs if n.changed]
        if signs:
            weigh_time(cause, board, signs[0].signal, signs[0].service)
            kinds = board.moved_by(signs[0].signal)
            made = _made(cause, signs, changes, board)
            if made and all(history.waits(c, now, board) for c in made):
                bits = LINK_BITS if all(c.kind == "release" for c in made) else EXCLUDED_BITS
                cause.against.append((signs[0].signal, signs[0].service, "not in effect", -bits))
            if graph is not None:
                explain_asked(cause, made, graph, board)
            explained = [board.true[i] for i in cause.explains]
            cause.is_measured = graph is not None and any(
                is_measured(c, explained, graph, board) for c in made
            )
            cause.bonus_bits += AGREES_BITS * cause.is_measured
            spoken_of = {w for c in made for w in words.names(c.thing, cause, explained)}
            cause.is_spoken_of = is_told(spoken_of)
            cause.bonus_bits += words.bits(spoken_of)
            cause.bonus_bits += max(map(drastic.bits, made), default=0.0)
            if graph is not None and len(cause.members) == 1:
                parts = any(history.parts_members(c, changes, graph) for c in made)
                cause.bonus_bits += PARTS_BITS * parts
            if not (
                cause.is_measured
                or cause.is_spoken_of
                or _kindred(cause, board, kinds, graph)
                or _is_described(cause, board)
            ):
                cause.bonus_bits -= NO_SIGN_BITS
            cause.bonus_bits -= SHARED_BITS * len(_shared(cause, signs, board))
            if graph is not None and not _is_felt(cause, graph, board):
                cause.bonus_bits += spread.silent_bits(graph, board, cause.members)
        else:
            _weigh_delay(cause, board)
            _led_to(cause, [n for m in cause.members for n in changed.get(m, ())], board)


def _made(cause: Cause, signs: Sequence[Node], changes: Sequence[Change], board: Board) -> list[Change]:
    """The changes that these signs are signs of."""
    kinds = {k for n in signs for k in board.moved_by(n.signal)}
    seen = [n.onset for n in signs if n.onset is not None]
    return [
        c for c in changes
        if c.component in cause.members and c.kind in kinds
        and any(abs(c.first_new.timestamp() - at) <= SEEN_BY_BOTH_S for at in seen)
    ]  # fmt: skip


def _shared(cause: Cause, signs: Sequence[Node], board: Board) -> set[str]:
    """The other replicas that were changed in the same way: then it is hardly this one's change alone."""
    texts = {(n.signal, s.text) for n in signs for s in n.holding()}
    others = [board.get(n.signal, peer) for n in signs for peer in cause.group - {*cause.members}]
    return {
        o.service
        for o in others
        if o is not None and o.value and any((o.signal, s.text) in texts for s in o.holding())
    }


def _weigh_delay(cause: Cause, board: Board) -> None:
    """What follows from a cause follows soon: a sign that was there long before anybody suffered is rather another
    trouble, or none."""
    own = {id(n) for n in cause.signs}
    after = [n.onset for i in cause.explains if id(n := board.true[i]) not in own and n.onset is not None]
    first = first_sign(cause)
    later = [t for t in after if t >= first - SLACK_S]
    if later and first < math.inf:
        late = lag_bits(min(later) - first) - lag_bits(PROMPT_S)
        cause.bonus_bits += max(min(late, 0.0), -DELAYED_BITS)


def _led_to(cause: Cause, changed: Sequence[Node], board: Board) -> None:
    """What was changed on its part shortly before its first sign is how it may have come about; where it would not by
    itself bring about such signs, that speaks for the named cause."""
    first, most = first_sign(cause), 0.0
    for node in changed:
        if node.onset is None or first < node.onset - SLACK_S or (bits := lag_bits(first - node.onset)) <= 0:
            continue
        cause.led_by.append(node)
        kinds = board.moved_by(node.signal)
        if not any(n.klass in BEHAVIOUR or k in board.moved_by(n.signal) for n in cause.signs for k in kinds):
            most = max(most, bits)
    cause.bonus_bits += most


def _kindred(cause: Cause, board: Board, kinds: Collection[str], graph: SystemGraph | None) -> bool:
    """Whether what it explains on its part has a sign of the change's own kind; or in what its part puts into and takes
    out of another."""
    nodes = [board.true[i] for i in cause.explains]
    near = [*(n for n in nodes if n.service in cause.members), *_goes_through(cause, nodes, graph, board)]
    return any(k in board.moved_by(n.signal) for n in near for k in kinds)


def _is_felt(cause: Cause, graph: SystemGraph, board: Board) -> bool:
    """Whether its part, somebody who needs it, or what goes in and out where it works shows anything of what it would
    explain but that it was changed: all else may be where it is by itself."""
    near = {*cause.members, *graph.callers(cause.members)}
    nodes = [board.true[i] for i in cause.explains]
    return any(n.is_journey or (n.service in near and not n.changed) for n in nodes) or any(
        _goes_through(cause, nodes, graph, board)
    )


def _goes_through(
    cause: Cause, nodes: Iterable[Node], graph: SystemGraph | None, board: Board
) -> Iterator[Node]:
    """What shows in what a cause's part puts into and takes out of another, or keeps there."""
    if graph is None:
        return
    needed = spread.whom_they_call(graph, cause.members)
    for n in (n for n in nodes if n.service in needed):
        if n.klass in spread.NEEDED or spread.is_filled(n, graph, board):
            yield n


def _is_described(cause: Cause, board: Board) -> bool:
    """Whether it is what its runbook describes: by the text of the change, or by what else it shows on its part."""
    spec = cause.spec
    if spec is None:
        return False
    shown = {board.true[i].signal for i in cause.explains if board.true[i].service in cause.members}
    return any(n.signal in spec.match for n in cause.signs) or any(name in shown for name in spec.symptoms)
