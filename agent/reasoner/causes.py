"""What may be the cause: runbooks' causes on components, changes, and something unknown in a part; what each explains,
and what it expects but is not there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.reasoner import complaints, spread
from agent.reasoner.board import ORDER_S, SLACK_S, Board, Node
from agent.reasoner.runbooks import Compiled, components, matches, targets
from agent.reasoner.spread import DECAY
from agent.reasoner.types import Boosts, Change, Learned, Priors
from knowledge.spec import NOT_MISSED, WORDS, RunbookSpec, split_key
from systems.graph import SystemGraph

GROUP_PRIOR = 0.5  # all replicas at once is rarer than one, until more than one shows it
MATCH_BITS = 3.0  # the text is what this cause writes; another cause would seldom write it
NOT_MEASURED_BITS = 4.0  # a definition that nothing on this component measures
EXCLUDED_BITS = 10.0  # a definition is contradicted by a measurement
NOT_YET_BITS = 4.0  # it says that nothing is wrong elsewhere, and there was no time yet for that to show
WORD_STRENGTH = 20.0  # a word in a runbook is worth this many observations
MAX_BOOST_BITS = 1.5  # past incidents may tip a balance, never more
EARLY = (
    0.1  # what was there before the cause began, or came after it, is hardly its doing: looks are not exact
)

Kind = Literal["known", "change", "unknown"]


@dataclass
class Cause:
    """A cause on one component (a service, or all replicas of a group). `began`: when, as far as its own signs tell, in
    seconds since the epoch."""

    id: str
    component: str
    members: tuple[str, ...]
    prior_bits: float
    kind: Kind = "known"
    spec: RunbookSpec | None = None
    change: Change | None = None
    group: frozenset[str] = frozenset()  # all replicas of the logical service it belongs to
    explains: dict[int, float] = field(default_factory=dict)  # index of a true node -> chance
    bonus_bits: float = 0.0
    against: list[tuple[str, str, str, float]] = field(default_factory=list)  # signal, service, how, bits
    predicts: dict[tuple[str, str], float] = field(default_factory=dict)  # unknown node -> P(true)
    signs: list[Node] = field(default_factory=list)  # its own, that hold
    began: float | None = None
    ended: float | None = None  # when it was seen to be over
    slack_s: float = SLACK_S  # by which `began` may be too late
    led_by: list[Node] = field(default_factory=list)  # signs of changes that may have led to it
    is_spoken_of: bool = False  # what is said of the trouble names what was changed
    is_put_back: bool = False  # the change gave a thing back what it had had before
    is_measured: bool = False  # the time that was set is measured, or the place is gone to

    @property
    def penalty_bits(self) -> float:
        return sum(bits for _, _, _, bits in self.against)

    @property
    def key(self) -> str:
        return f"{self.component}:{self.id}"

    @property
    def is_known(self) -> bool:
        return self.kind != "unknown"

    @property
    def is_change(self) -> bool:
        """Whether it is a change, by itself or as a runbook describes it."""
        return self.kind == "change" or any(n.changed for n in self.signs)

    def explain(self, number: int, node: Node, chance: float) -> None:
        """Book what it may have brought about; hardly what was there before it, or what began once it was over."""
        if node.onset is not None:
            early = self.began is not None and node.onset < self.began - self.slack_s
            late = self.ended is not None and node.onset - node.lag_s > self.ended + SLACK_S
            chance *= EARLY if early or late else 1.0
        self.explains[number] = max(chance, self.explains.get(number, 0.0))


def weight_of(spec: RunbookSpec, key: str, learned: Learned) -> float:
    """The word's likelihood, moved by Beta counts from verified incidents."""
    prior = WORDS[spec.symptoms[key]]
    hits, misses = learned.get((spec.id, key), (0.0, 0.0))
    return min(max((prior * WORD_STRENGTH + hits) / (WORD_STRENGTH + hits + misses), 0.01), 0.99)


def build(
    specs: Sequence[RunbookSpec],
    graph: SystemGraph,
    board: Board,
    *,
    priors: Priors,
    boosts: Boosts,
    learned: Learned,
    settled: float = 1.0,
) -> list[Cause]:
    """Every runbook's cause on every component it applies to that shows at least one sign of its own.

    `settled`: 0 when trouble has just begun, 1 when what it brings has had time to show: what is missing further
    away counts that much."""
    found: list[Cause] = []
    compiled = Compiled.of(specs)
    for spec, component, members in compiled.touched(graph, board):
        bits = _prior_bits(spec, component, members, priors, boosts)
        group = frozenset([*members, *graph.peers(members[0])])
        cause = Cause(spec.id, component, members, bits, spec=spec, group=group)
        if not can_be(spec, members, graph, board):
            continue
        cause.signs = [n for key in compiled.own[spec.id] for n in _shown(spec, members, key, graph, board)]
        if not cause.signs:
            continue
        cause.began, cause.slack_s = _began(cause.signs)
        for key in spec.symptoms:
            _weigh(cause, spec, key, graph, board, learned, settled)
        if spec.severity != "low":
            kinds = {k for n in cause.signs if n.changed for k in board.moved_by(n.signal)}
            for node, number, chance in spread.following(graph, board, members, kinds, cause.signs):
                cause.explain(number, node, chance)
        _definitions(cause, spec, graph, board)
        found.append(cause)
    return found


def _shown(
    spec: RunbookSpec, members: tuple[str, ...], key: str, graph: SystemGraph, board: Board
) -> list[Node]:
    """The nodes of a key that hold the way this cause shows it."""
    places = targets(graph, board, members, key)
    nodes = (board.get(signal, service) for signal, service, _ in places)
    return [n for n in nodes if n is not None and n.value and _fits(spec, n, members, graph, board)]


def _fits(spec: RunbookSpec, node: Node, members: tuple[str, ...], graph: SystemGraph, board: Board) -> bool:
    """Whether what a node says is what the cause writes, and not said of other parts by name."""
    if not matches(spec, node):
        return False
    number = board.index.get((node.signal, node.service))
    if number is None or node.service in members:
        return True
    return not complaints.is_about_others(spread.about(graph, board, node, number), members, graph)


def _began(signs: Sequence[Node]) -> tuple[float | None, float]:
    """When the first of its signs began, at the earliest, and by how much that may be too late. A change it needs is
    the beginning; of that the ledger knows when it had not been made yet."""
    timed = [n for n in signs if n.onset is not None]
    changes = [n for n in timed if n.changed]
    if changes and all(n.since is not None for n in changes):
        return min((n.since or 0.0) - ORDER_S for n in changes), 0.0
    begun = [(n.onset or 0.0) - (SLACK_S if n.changed else n.lag_s) for n in changes or timed]
    return (min(begun) if begun else None), SLACK_S


def can_be(spec: RunbookSpec, members: tuple[str, ...], graph: SystemGraph, board: Board) -> bool:
    """Whether the component has what the cause needs: without an environment file none can have changed."""
    needed = [[key] for key in spec.requires] + ([spec.shows_one_of] if spec.shows_one_of else [])
    return all(any(_may_show(members, key, graph, board) for key in keys) for keys in needed)


def _may_show(members: tuple[str, ...], key: str, graph: SystemGraph, board: Board) -> bool:
    signal, scope = split_key(key)
    if scope == "any" or signal not in board.catalog:
        return True
    metric = str(getattr(board.catalog[signal], "metric", ""))
    places = targets(graph, board, members, key)
    return any(board.get(signal, name) is not None or not graph.lacks(name, metric) for _, name, _ in places)


def _prior_bits(
    spec: RunbookSpec, component: str, members: tuple[str, ...], priors: Priors, boosts: Boosts
) -> float:
    prior = min(max(priors.get(spec.id, spec.prior), 1e-4), 0.5)
    if len(members) > 1:
        prior *= GROUP_PRIOR
    boost = boosts.get(f"{component}:{spec.id}", boosts.get(spec.id, 0.0))
    return math.log2(prior / (1 - prior)) + min(max(boost, -MAX_BOOST_BITS), MAX_BOOST_BITS)


def _weigh(
    cause: Cause,
    spec: RunbookSpec,
    key: str,
    graph: SystemGraph,
    board: Board,
    learned: Learned,
    settled: float,
) -> None:
    """Book one symptom: explained where it holds, against the cause where it was looked for and is not."""
    weight = weight_of(spec, key, learned)
    scope = split_key(key)[1]
    absent: list[tuple[str, str, str, float]] = []
    first = min((n.onset for n in cause.signs if n.onset is not None), default=-math.inf)
    seen = False
    for signal, service, hops in targets(graph, board, cause.members, key):
        here = weight * DECAY ** (hops - 1)
        node = board.get(signal, service)
        if node is None or node.value is None or (not node.value and node.is_from_before(first)):
            cause.predicts[signal, service] = max(here, cause.predicts.get((signal, service), 0.0))
        elif not node.value:
            absent.append((signal, service, "absent", math.log2(1 - here)))
        elif not _fits(spec, node, cause.members, graph, board):
            absent.append((signal, service, "other", math.log2(1 - here)))
        else:
            seen = True
            if not node.changed:
                cause.explain(board.index[signal, service], node, here)
            if signal in spec.match:
                cause.bonus_bits += MATCH_BITS * node.weight
    if spec.symptoms[key] in NOT_MISSED:
        return
    if scope == "":
        share = 1 / math.sqrt(len(cause.members))
        cause.against += [(signal, service, how, bits * share) for signal, service, how, bits in absent]
    elif absent and not seen:  # expected somewhere around, and nowhere: said once, not per service
        signal, service, how, bits = min(absent, key=lambda a: a[3])
        cause.against.append((signal, service, how, bits * settled))


def _definitions(cause: Cause, spec: RunbookSpec, graph: SystemGraph, board: Board) -> None:
    def nodes(keys: Iterable[str]) -> list[Node | None]:
        return [board.get(s, n) for key in keys for s, n, _ in targets(graph, board, cause.members, key)]

    for key in spec.rules_out:
        hits = [n for n in nodes([key]) if n is not None and n.value]
        if hits:
            cause.against.append((hits[0].signal, hits[0].service, "rules out", -EXCLUDED_BITS))
        for hit in hits:  # what speaks against it, it does not explain
            cause.explains.pop(board.index.get((hit.signal, hit.service), -1), None)
    _not_yet(cause, spec, graph, board)
    _one_of(cause, spec, nodes(spec.shows_one_of), board)
    for key in spec.requires:
        found = nodes([key])
        known = [n for n in found if n is not None and n.value is not None]
        signal = split_key(key)[0]
        if not any(found) and board.source(signal) != "check":
            cause.against.append((signal, cause.component, "not measured", -NOT_MEASURED_BITS))
        if known and not any(n.value for n in known):
            cause.against.append((known[0].signal, known[0].service, "required", -EXCLUDED_BITS))
        elif known and not any(n.value and matches(spec, n) for n in known):
            cause.against.append((known[0].signal, known[0].service, "other", -EXCLUDED_BITS))


def _not_yet(cause: Cause, spec: RunbookSpec, graph: SystemGraph, board: Board) -> None:
    """A cause that something anywhere would rule out says that all else is well: early in a trouble nobody can say so,
    since errors are written before customers feel them."""
    bits = NOT_YET_BITS * (1.0 - board.settled)
    for key in (k for k in spec.rules_out if split_key(k)[1] == "any"):
        seen = [t for t in targets(graph, board, cause.members, key) if board.get(t[0], t[1]) is not None]
        if bits > 0 and seen:
            cause.against.append((seen[0][0], seen[0][1], "not yet", -bits))
            return


def _one_of(cause: Cause, spec: RunbookSpec, nodes: Sequence[Node | None], board: Board) -> None:
    """None of the signs the cause always shows at least one of: excluded, or doubtful while some are unread. Words
    alone are none, where what they tell of was measured and is not so."""
    if not spec.shows_one_of:
        return
    if held := [n for n in nodes if n is not None and n.value]:
        told = all(n.klass == "words" for n in held)
        other = [n for n in nodes if n is not None and n.klass != "words"]
        if told and other and all(n.value is False for n in other):
            first = other[0]
            sure = (
                1.0 if board.source(first.signal) == "check" else board.settled
            )  # it may be read a little later
            cause.against.append((first.signal, first.service, "required", -EXCLUDED_BITS * sure))
        return
    measured = [n for n in nodes if n is not None]
    unread = any(n.value is None for n in measured) or (not measured)
    bits = -NOT_MEASURED_BITS if unread else -EXCLUDED_BITS
    signal = measured[0].signal if measured else split_key(spec.shows_one_of[0])[0]
    cause.against.append((signal, cause.component, "required", bits))


__all__ = ["Cause", "build", "can_be", "components", "matches", "targets", "weight_of"]
