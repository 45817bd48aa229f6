"""How trouble in one part shows elsewhere: computed along the edges, from what each signal is a sign of.

A runbook keeps what distinguishes its cause. That callers of a part in trouble fail, wait or complain holds for every
cause, and is said once, here. The chances are for one place each; further away they fall by `DECAY` a hop.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Set

from agent.reasoner import complaints
from agent.reasoner.board import Board, Node
from agent.reasoner.types import Change
from systems.graph import SystemGraph

DECAY = 0.9
# On the part itself, beside its own signs: how it works.
SELF = {"refuses": 0.5, "fails": 0.45, "slow": 0.45, "starves": 0.3, "flow": 0.35, "words": 0.45}
# On whoever needs it.
CALLERS = {"refuses": 0.3, "fails": 0.5, "slow": 0.4, "starves": 0.35, "flow": 0.35, "words": 0.4}
# On whoever does not call it and reads what it writes, a file, queue or table: nothing comes, or what comes is bad.
READERS = {"fails": 0.3, "starves": 0.35, "flow": 0.35, "words": 0.3}
# On what it calls: what it puts in and takes out there.
NEEDED = {"flow": 0.35, "starves": 0.3}
# After a change, on what those call who call it: they get nowhere, and leave there what they work on.
LEFT_LYING = {"flow": 0.3}
# On what carries the calls to it.
CARRIERS = {"refuses": 0.4, "slow": 0.3}
# Trouble in what all replicas need is seen by all of them: one alone hardly has it from there.
SHARED, ALONE = ("refuses", "fails", "slow"), 0.7
# What names another of those that it needs hardly comes from this one.
MISNAMED = 0.2
TURNED_AWAY, OF_FLOW = ("refuses", "fails", "words"), 0.4
JOURNEY = 0.4  # journeys cross the system, further than the edges that are known
# What a change to a part can bring about beside that: its own state, and the state of what it works on; often so where
# the sign is of the change's own kind, and seldom any other: there are many things that it might do.
KINDRED, OTHER = 0.4, 0.08
# ... and hardly ever that its process ends, where what was changed is only kept in it.
KEPT, ENDED_BY_KEPT = frozenset({"schema", "grant", "role"}), 0.01
KEPT_THINGS = ("role ", "user ", "database ", "table ", "function ")
STORES, ROWS = ("postgres", "redis"), frozenset({"flag"})  # what is a switch elsewhere is a row there
# What a part says outright of itself is its cause's own word, and other plain words come from few causes: not what any
# trouble makes it say.
OUTRIGHT, SPECIFIC = 0.03, 0.2
# Who puts something into a store may fill it.
FILLED = 0.3
# Who works on a part may break it, and even end it; hardly so that it cannot start.
NEEDED_OWN, NEEDED_KEPT_FROM_START = 0.06, 0.002
# What is said of the changed part by name, in words that are the sign of such a change.
COMPLAINED_OF = 0.6


def reach(graph: SystemGraph, board: Board, members: tuple[str, ...]) -> Iterator[tuple[Node, int, float]]:
    """(node, its number, chance) of what holds and may follow from any trouble of `members`."""
    places: dict[str, Mapping[str, float]] = dict.fromkeys(members, SELF)
    hops = graph.callers(members)
    called = graph.callers(members, "calls")
    for name in hops:
        places.setdefault(name, CALLERS if name in called else READERS)
    carriers = {c for m in members for c in graph.links.get(m, ())}
    needed = whom_they_call(graph, members)
    for number, node in enumerate(board.true):
        if not node.noted:
            continue  # context: it speaks where a runbook asks for it
        chance = places.get(node.service, {}).get(node.klass, 0.0) * DECAY ** max(
            hops.get(node.service, 1) - 1, 0
        )
        if node.service in needed and node.service not in members:
            chance = max(chance, NEEDED.get(node.klass, 0.0))
        if node.service in carriers:
            chance = max(chance, CARRIERS.get(node.klass, 0.0))
        if node.is_journey:
            chance = max(chance, JOURNEY)
        if node.klass == "words":
            chance = min(chance, OUTRIGHT if node.outright else SPECIFIC if node.specific else 1.0)
        if node.service not in members and node.klass in SHARED and _is_alone(graph, board, node, hops):
            chance *= 1 - ALONE * board.settled
        if chance and complaints.is_about_others(about(graph, board, node, number), members, graph):
            chance *= MISNAMED
        if chance:
            yield node, number, chance


def about(graph: SystemGraph, board: Board, node: Node, number: int) -> frozenset[str]:
    """Whom of those that its part needs a true node complains of by name; `number` is its own."""
    if number not in board.about:
        spoken = node.klass in ("words", "fails", "refuses")
        board.about[number] = complaints.named(node, graph) if spoken else frozenset()
    return board.about[number]


def whom_they_call(graph: SystemGraph, members: tuple[str, ...]) -> set[str]:
    """What they call directly; who writes what they read gets nothing from them."""
    return {n for m in members for n in graph.needs.get(m, ()) if (m, n) not in graph.artefacts}


def _is_alone(graph: SystemGraph, board: Board, node: Node, callers: Mapping[str, int]) -> bool:
    """Whether other replicas, which need the same, were looked at and do not show it."""
    peers = [board.get(node.signal, peer) for peer in graph.peers(node.service) if peer in callers]
    return any(p is not None and p.value is False for p in peers)


def changed(
    graph: SystemGraph, board: Board, members: tuple[str, ...], kinds: Set[str]
) -> Iterator[tuple[Node, int, float]]:
    """The same for what a change of these `kinds` to `members` may do: also their own state, and that of what they work
    on. Without a kind: for something unknown."""
    yield from reach(graph, board, members)
    needed, callers = whom_they_call(graph, members) - set(members), graph.callers(members, "calls")
    for number, node in enumerate(board.true):
        if not node.noted:
            continue  # context, as in `reach`
        if (
            node.service in callers
            and not kinds.isdisjoint(board.moved_by(node.signal))
            and about(graph, board, node, number) & {*members}
        ):
            yield node, number, COMPLAINED_OF
        if (node.klass == "own" or node.specific) and node.service in members:
            kindred = not kinds.isdisjoint(board.moved_by(node.signal)) if kinds else False
            kept = KEPT | ROWS if graph.kinds.get(node.service) in STORES else KEPT
            other = ENDED_BY_KEPT if node.ends and kinds and kinds <= kept else OTHER
            yield node, number, KINDRED if kindred else other
        elif node.klass == "own" and node.service in needed:
            kept_from = NEEDED_KEPT_FROM_START if board.entailed(node.signal) else NEEDED_OWN
            yield node, number, FILLED if is_filled(node, graph, board) else kept_from


def is_filled(node: Node, graph: SystemGraph, board: Board) -> bool:
    """Whether it tells how much is kept in a store."""
    return board.fills(node.signal) and graph.kinds.get(node.service) in STORES


def left_lying(
    graph: SystemGraph, board: Board, members: tuple[str, ...]
) -> Iterator[tuple[Node, int, float]]:
    """What whoever calls them leaves lying, because it gets nowhere."""
    beside = whom_they_call(graph, tuple(graph.callers(members, "calls"))) - set(members)
    for number, node in enumerate(board.true):
        if node.noted and node.klass in LEFT_LYING and node.service in beside:
            yield node, number, LEFT_LYING[node.klass]


def is_ended_by_what_is_kept(node: Node, change: Change, members: Collection[str]) -> bool:
    """Whether its process would have ended for what is only kept in it: a limit or a setting of a role is a row, and
    none of the server's own."""
    return node.ends and node.service in members and change.what.startswith(KEPT_THINGS)


def following(
    graph: SystemGraph, board: Board, members: tuple[str, ...], kinds: Set[str], signs: Collection[Node] = ()
) -> Iterator[tuple[Node, int, float]]:
    """What may follow from a cause on `members`; `kinds`: of the change that it is, if it is one. `signs`: its own.
    Where all that shows on the part is how much goes through it, its callers wait rather than fail."""
    only_flow = bool(signs) and all(n.klass == "flow" for n in signs)
    found = changed(graph, board, members, kinds) if kinds else reach(graph, board, members)
    for node, number, chance in found:
        spared = only_flow and node.service not in members and node.klass in TURNED_AWAY
        yield node, number, chance * (OF_FLOW if spared else 1.0)


def silent_bits(graph: SystemGraph, board: Board, members: tuple[str, ...]) -> float:
    """What it says against trouble of `members` that it shows in nothing: neither they, nor who needs them, nor any
    journey, refuses, fails or is slow although that is measured."""
    callers = graph.callers(members, "calls")
    bits = 0.0
    for klass in ("refuses", "fails", "slow"):
        seen: dict[float, set[bool | None]] = {SELF[klass]: set(), CALLERS[klass]: set(), JOURNEY: set()}
        for node in board.of_class(klass):
            if node.is_journey:
                seen[JOURNEY].add(node.value)
            elif node.service in members:
                seen[SELF[klass]].add(node.value)
            elif node.service in callers:
                seen[CALLERS[klass]].add(node.value)
        if not any(True in values for values in seen.values()):
            bits += sum(math.log2(1 - chance) for chance, values in seen.items() if False in values)
    return bits
