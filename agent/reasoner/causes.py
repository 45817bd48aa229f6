"""From runbooks to causes on components: what each one explains, and what it expects but is not there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.reasoner.board import Board, Node
from agent.reasoner.types import Boosts, Learned, Priors
from knowledge.spec import NOT_MISSED, WORDS, RunbookSpec, split_key
from systems import patterns
from systems.graph import SystemGraph

DECAY = 0.9  # a caller's symptom per further hop
GROUP_PRIOR = 0.5  # all replicas at once is rarer than one, until more than one shows it
MATCH_BITS = 3.0  # the text is what this cause writes; another cause would seldom write it
NOT_MEASURED_BITS = 4.0  # a definition that nothing on this component measures
EXCLUDED_BITS = 10.0  # a definition is contradicted by a measurement
WORD_STRENGTH = 20.0  # a word in a runbook is worth this many observations
MAX_BOOST_BITS = 1.5  # past incidents may tip a balance, never more


@dataclass
class Cause:
    """A runbook's cause on one component (a service, or all replicas of a group)."""

    spec: RunbookSpec
    component: str
    members: tuple[str, ...]
    prior_bits: float
    group: frozenset[str] = frozenset()  # all replicas of the logical service it belongs to
    explains: dict[int, float] = field(default_factory=dict)  # index of a true node -> weight
    near: bool = False  # explains something by more than "somewhere in the system"
    bonus_bits: float = 0.0
    against: list[tuple[str, str, str, float]] = field(default_factory=list)  # signal, service, how, bits
    predicts: dict[tuple[str, str], float] = field(default_factory=dict)  # unknown node -> P(true)

    @property
    def penalty_bits(self) -> float:
        return sum(bits for _, _, _, bits in self.against)

    @property
    def key(self) -> str:
        return f"{self.component}:{self.spec.id}"


def matches(spec: RunbookSpec, node: Node) -> bool:
    """Whether one of the node's holding states has the text this cause is known by."""
    pattern = spec.match.get(node.signal)
    if pattern is None:
        return True
    found = patterns.compiled(pattern, ignore_case=True)
    return any(found.search(s.text) or found.search(s.label) for s in node.holding())


# What any real fault may bring about in the component and its callers: explained where seen, never missed.
CONSEQUENCES = (
    "log_errors", "log_exception", "log_traceback_new", "log_upstream_error", "log_burst", "log_silent",
    "log_db_closed", "log_connection_reset", "log_circuit_open", "part_not_ready", "app_errors", "app_slow",
    "app_slow_tail", "http_slow", "no_traffic", "requests_waiting", "threads_many", "proc_idle",
    "pg_connections_low", "queue_idle",
)  # fmt: skip
CONSEQUENCES_ANY = ("journey_failed", "journey_slow")
CONSEQUENCE_WEIGHT = 0.3


def targets(
    graph: SystemGraph, board: Board, members: tuple[str, ...], key: str
) -> list[tuple[str, str, int]]:
    """(signal, service, hops) for a symptom key seen from a component."""
    signal, scope = split_key(key)
    if scope == "callers":
        return [(signal, s, hops) for s, hops in graph.callers(members).items()]
    if scope == "deps":
        return [(signal, s, hops) for s, hops in graph.dependencies(members).items()]
    if scope == "group":
        peers = {p for m in members for p in graph.peers(m)} - set(members)
        return [(signal, p, 1) for p in sorted(peers)]
    if scope == "links":
        return [(signal, c, 1) for c in sorted({c for m in members for c in graph.links.get(m, ())})]
    if scope == "any":
        return [(signal, n.service, 1) for n in board.by_signal.get(signal, [])]
    return [(signal, m, 1) for m in members]


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
    """Every cause on every component it applies to that explains at least one symptom.

    `settled`: 0 when trouble has just begun, 1 when what it brings has had time to show: what is missing further
    away counts that much."""
    found: list[Cause] = []
    for spec in specs:
        only_afar = all(split_key(k)[1] == "any" for k in spec.symptoms)
        for component, members in components(spec, graph):
            bits = _prior_bits(spec, component, members, priors, boosts)
            cause = Cause(spec, component, members, bits, frozenset([*members, *graph.peers(members[0])]))
            if not can_be(cause, graph, board):
                continue
            for key in spec.symptoms:
                _weigh(cause, key, graph, board, learned, settled)
            if cause.near or (cause.explains and only_afar):
                _consequences(cause, graph, board)
                _definitions(cause, graph, board)
                found.append(cause)
    return found


def can_be(cause: Cause, graph: SystemGraph, board: Board) -> bool:
    """Whether the component has what the cause needs: without an environment file none can have changed."""
    needed = [[key] for key in cause.spec.requires] + (
        [cause.spec.shows_one_of] if cause.spec.shows_one_of else []
    )
    return all(any(_may_show(cause, key, graph, board) for key in keys) for keys in needed)


def _may_show(cause: Cause, key: str, graph: SystemGraph, board: Board) -> bool:
    signal, scope = split_key(key)
    if scope == "any" or signal not in board.catalog:
        return True
    metric = str(getattr(board.catalog[signal], "metric", ""))
    places = targets(graph, board, cause.members, key)
    return any(board.get(signal, name) is not None or not graph.lacks(name, metric) for _, name, _ in places)


def components(spec: RunbookSpec, graph: SystemGraph) -> list[tuple[str, tuple[str, ...]]]:
    """Services of the right kind, and groups all of whose replicas are."""
    fits = [n for n, kind in graph.kinds.items() if kind in spec.applies_to or "any" in spec.applies_to]
    found: list[tuple[str, tuple[str, ...]]] = [(n, (n,)) for n in fits]
    for group, names in graph.groups.items():
        if len(names) > 1 and all(n in fits for n in names) and group not in graph.kinds:
            found.append((group, tuple(names)))
    return found


def _prior_bits(
    spec: RunbookSpec, component: str, members: tuple[str, ...], priors: Priors, boosts: Boosts
) -> float:
    prior = min(max(priors.get(spec.id, spec.prior), 1e-4), 0.5)
    if len(members) > 1:
        prior *= GROUP_PRIOR
    boost = boosts.get(f"{component}:{spec.id}", boosts.get(spec.id, 0.0))
    return math.log2(prior / (1 - prior)) + min(max(boost, -MAX_BOOST_BITS), MAX_BOOST_BITS)


def _weigh(
    cause: Cause, key: str, graph: SystemGraph, board: Board, learned: Learned, settled: float
) -> None:
    """Book one symptom: explained where it holds, against the cause where it was looked for and is not."""
    weight = weight_of(cause.spec, key, learned)
    scope = split_key(key)[1]
    missed = cause.spec.symptoms[key] not in NOT_MISSED
    absent: list[tuple[str, str, str, float]] = []
    seen = False
    for signal, service, hops in targets(graph, board, cause.members, key):
        here = weight * DECAY ** (hops - 1)
        node = board.get(signal, service)
        if node is None or node.value is None:
            cause.predicts[signal, service] = max(here, cause.predicts.get((signal, service), 0.0))
        elif not node.value:
            absent.append((signal, service, "absent", math.log2(1 - here)))
        elif not matches(cause.spec, node):
            absent.append((signal, service, "other", math.log2(1 - here)))
        else:
            seen = True
            cause.near = cause.near or scope != "any"
            number = board.index[signal, service]
            cause.explains[number] = max(here, cause.explains.get(number, 0.0))
            if signal in cause.spec.match:
                cause.bonus_bits += MATCH_BITS * node.weight
    if not missed:
        return
    if scope == "":
        share = 1 / math.sqrt(len(cause.members))
        cause.against += [(signal, service, how, bits * share) for signal, service, how, bits in absent]
    elif absent and not seen:  # expected somewhere around, and nowhere: said once, not per service
        signal, service, how, bits = min(absent, key=lambda a: a[3])
        cause.against.append((signal, service, how, bits * settled))


def _consequences(cause: Cause, graph: SystemGraph, board: Board) -> None:
    """Let a cause account for the noise that follows it, so that noise does not call for a second cause."""
    if cause.spec.severity == "low":
        return
    near = {**dict.fromkeys(cause.members, 1), **graph.callers(cause.members)}
    places = [(s, n, hops) for n, hops in near.items() for s in CONSEQUENCES]
    places += [(n.signal, n.service, 1) for s in CONSEQUENCES_ANY for n in board.by_signal.get(s, [])]
    for signal, service, hops in places:
        number = board.index.get((signal, service))
        if number is not None:
            here = CONSEQUENCE_WEIGHT * DECAY ** (hops - 1)
            cause.explains[number] = max(here, cause.explains.get(number, 0.0))


def _definitions(cause: Cause, graph: SystemGraph, board: Board) -> None:
    for key in cause.spec.rules_out:
        nodes = [board.get(s, n) for s, n, _ in targets(graph, board, cause.members, key)]
        hit = next((n for n in nodes if n is not None and n.value), None)
        if hit is not None:
            cause.against.append((hit.signal, hit.service, "rules out", -EXCLUDED_BITS))
    _one_of(cause, graph, board)
    for key in cause.spec.requires:
        found = [board.get(s, n) for s, n, _ in targets(graph, board, cause.members, key)]
        known = [n for n in found if n is not None and n.value is not None]
        signal = split_key(key)[0]
        if not any(found) and board.source(signal) != "check":
            cause.against.append((signal, cause.component, "not measured", -NOT_MEASURED_BITS))
        if known and not any(n.value for n in known):
            cause.against.append((known[0].signal, known[0].service, "required", -EXCLUDED_BITS))
        elif known and not any(n.value and matches(cause.spec, n) for n in known):
            cause.against.append((known[0].signal, known[0].service, "other", -EXCLUDED_BITS))


def _one_of(cause: Cause, graph: SystemGraph, board: Board) -> None:
    """None of the signs the cause always shows at least one of: excluded, or doubtful while some are unread."""
    keys = cause.spec.shows_one_of
    places = [place for key in keys for place in targets(graph, board, cause.members, key)]
    nodes = [board.get(signal, service) for signal, service, _ in places]
    if not keys or any(n is not None and n.value for n in nodes):
        return
    measured = [n for n in nodes if n is not None]
    unread = any(n.value is None for n in measured) or (not measured)
    bits = -NOT_MEASURED_BITS if unread else -EXCLUDED_BITS
    signal = measured[0].signal if measured else split_key(keys[0])[0]
    cause.against.append((signal, cause.component, "required", bits))
