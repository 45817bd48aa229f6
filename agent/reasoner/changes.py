"""What changed, as a cause: it explains what began after it took effect, on its part and on what needs that.

How much its time tells: trouble that a change makes follows soon after, and ever less often later (its density falls as
1/t up to a day); a change that has nothing to do with it lies anywhere. So what tells is the ratio of the two, with the
rate of changes in peace. Coincidence alone is not enough to act on: it takes a sign of the change's own kind, its name
in what is said of the trouble, or the very time or place that it set in what is measured (quantity.py, wiring.py).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from agent.reasoner import drastic, history, quantity, spread, wiring, words
from agent.reasoner.board import ORDER_S, SLACK_S, Board, Node
from agent.reasoner.causes import EXCLUDED_BITS, Cause
from agent.reasoner.types import Change
from systems.graph import SystemGraph

PRIOR = 0.02  # that trouble on a part comes from a change of a given kind to it
PEACE_S = 1800.0  # between two changes to one part that harm nothing
T0_S, LONGEST_S = 5.0, 86_400.0
ROLLED_OUT_S = {"commit": 300.0, "deploy": 60.0}  # such a one has yet to be built, or to reach all replicas
UNTIMED_BITS = 1.0  # when nobody knows which was first
SHARED_BITS = 3.0
NO_SIGN_BITS = 2.0  # nothing of what holds is of the change's own kind
PROMPT_S = 15.0  # what a cause brings about comes within this, or loses credit by its delay
DELAYED_BITS = 3.0  # at most: some causes build up slowly
HALF = 0.5  # of what speaks against a change counts from the first look on
AGREES_BITS = 4.0  # that the time is measured, or the place is gone to, which was set
SPOKEN_OF = 2  # so many plain names of its own in what is said of the trouble are no chance
SHORTLY_S = 120.0
BEHAVIOUR = ("refuses", "fails", "slow")  # what any change may do to how a part works
PUT_BACK_BITS = 5.0
SEEN_BY_BOTH_S = 6.0  # the probe and the ledger look at the same thing at their own times
MOST = 60  # changes looked at, the newest first


def lag_bits(lag_s: float, kind: str = "", peace_s: float = PEACE_S) -> float:
    """How much more often harm follows `lag_s` after a change of a kind than a change happens to lie so near to
    trouble."""
    soonest = ROLLED_OUT_S.get(kind, T0_S)
    after = 1 / (math.log(1 + LONGEST_S / soonest) * (max(lag_s, 0.0) + soonest))
    return math.log2(after * peace_s)


def date(changes: Sequence[Change], board: Board) -> None:
    """Tell the signs of changes since when each may have been: a change is noticed some time after it was made, and the
    ledger knows when what changed was last seen as before."""
    for node in (n for n in board.nodes.values() if n.changed and n.value and n.onset is not None):
        kinds = board.moved_by(node.signal)
        seen = [
            c.last_old.timestamp() for c in changes
            if c.component == node.service and c.kind in kinds
            and abs(c.first_new.timestamp() - (node.onset or 0.0)) <= SEEN_BY_BOTH_S
        ]  # fmt: skip
        node.since = min(seen, default=None)


def weigh_times(
    causes: Sequence[Cause], board: Board, changes: Sequence[Change] = (), graph: SystemGraph | None = None
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
            _weigh_time(cause, board, signs[0].signal, signs[0].service)
            kinds = board.moved_by(signs[0].signal)
            made = _made(cause, signs, changes, board)
            explained = [board.true[i] for i in cause.explains]
            cause.is_measured = graph is not None and any(
                _is_measured(c, explained, graph, board) for c in made
            )
            cause.bonus_bits += AGREES_BITS * cause.is_measured
            spoken_of = {w for c in made for w in words.names(c.thing, cause, explained)}
            cause.is_spoken_of = _is_told(spoken_of)
            cause.bonus_bits += words.bits(spoken_of)
            cause.bonus_bits += max(map(drastic.bits, made), default=0.0)
            if not (
                cause.is_measured
                or cause.is_spoken_of
                or _kindred(cause, board, kinds)
                or _is_described(cause, board)
            ):
                cause.bonus_bits -= NO_SIGN_BITS
            cause.bonus_bits -= SHARED_BITS * len(_shared(cause, signs, board))
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


def _is_told(names: set[str]) -> bool:
    """Whether these names of what was changed, in what is said of the trouble, are no chance."""
    return len(names) >= SPOKEN_OF or any(words.is_of_several(name) for name in names)


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


def _kindred(cause: Cause, board: Board, kinds: Collection[str]) -> bool:
    """Whether what it explains on its part has a sign of the change's own kind."""
    nodes = (board.true[i] for i in cause.explains)
    return any(k in board.moved_by(n.signal) for n in nodes if n.service in cause.members for k in kinds)


def _is_described(cause: Cause, board: Board) -> bool:
    """Whether it is what its runbook describes: by the text of the change, or by what else it shows on its part."""
    spec = cause.spec
    if spec is None:
        return False
    shown = {board.true[i].signal for i in cause.explains if board.true[i].service in cause.members}
    return any(n.signal in spec.match for n in cause.signs) or any(name in shown for name in spec.symptoms)


def _weigh_time(cause: Cause, board: Board, signal: str, service: str) -> None:
    began = cause.began
    near = [n for i in cause.explains if not (n := board.true[i]).is_journey or n.service in cause.members]
    timed = [n.onset for n in near if n.onset is not None]
    if began is None or not timed:
        cause.bonus_bits += UNTIMED_BITS
        return
    first = began + (cause.slack_s or ORDER_S)  # as it was read, without the slack
    later = [t for t in timed if t >= began - cause.slack_s]
    if not later:
        cause.against.append((signal, service, "too late", -EXCLUDED_BITS))
        return
    cause.bonus_bits += lag_bits(min(later) - first, cause.change.kind if cause.change else "")


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
        if any((m, s) in taken for m in members for s in board.signs_of(go[0].kind)):
            continue
        if not sick & {
            *members,
            *graph.callers(members),
            *(n for m in members for n in graph.needs.get(m, ())),
        }:
            continue
        cause = _cause(go, component, members, changes, graph, board, settled)
        if cause.change is not None and history.is_put_back(cause.change, changes):
            cause.bonus_bits -= PUT_BACK_BITS
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
    """What its change does speaks for it, as long as that was not taken back."""
    return drastic.bits(cause.change) if cause.change is not None and cause.ended is None else 0.0


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
    reached = list(spread.changed(graph, board, members, {go[0].kind}))
    reach = [node for node, _, _ in reached]
    change = cause.change = max(
        go,
        key=lambda c: (
            not history.rests_on_another(c, go),
            _is_measured(c, reach, graph, board),
            len(words.names(c.thing, cause, reach)),
            drastic.bits(c),
        ),
    )
    at = change.effective_at or change.last_old
    cause.began, cause.slack_s = min(at.timestamp(), change.first_new.timestamp()) - ORDER_S, 0.0
    cause.ended = history.undone(change, changes)
    for node, number, chance in reached:
        cause.explain(number, node, chance)
    cause.signs = [
        n for n in board.true if change.kind in board.moved_by(n.signal) and _concerns(n, cause, graph)
    ]
    _weigh_time(cause, board, change.kind, change.component)
    explained = [board.true[i] for i in cause.explains]
    spoken_of = words.names(change.thing, cause, explained)
    cause.is_spoken_of = _is_told(spoken_of)
    cause.bonus_bits += words.bits(spoken_of)
    cause.is_measured = _is_measured(change, explained, graph, board)
    cause.bonus_bits += AGREES_BITS * cause.is_measured
    cause.bonus_bits += _does(cause)
    if is_coincidence(cause):
        cause.bonus_bits -= NO_SIGN_BITS
    cause.bonus_bits += max(settled, HALF) * spread.silent_bits(graph, board, members)
    return cause


def _is_measured(change: Change, nodes: Sequence[Node], graph: SystemGraph, board: Board) -> bool:
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


def first_sign(cause: Cause) -> float:
    return min((n.onset for n in cause.signs if n.onset is not None), default=math.inf)
