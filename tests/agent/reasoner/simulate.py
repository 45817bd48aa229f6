"""Incidents sampled from the runbooks: 35 % of the evidence unread, false symptoms in each, 15 % double faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.reasoner import Diagnosis, diagnose, spread
from agent.reasoner.board import arrange
from agent.reasoner.runbooks import components, own_signs, targets
from agent.reasoner.spread import DECAY
from incidents.signals import CATALOG
from knowledge.spec import WORDS, RunbookSpec, split_key
from tests.agent.reasoner.world import GRAPH, KINDS, READ, SPECS, S

UNREAD = 0.35
NOISE = 0.004  # of about 350 measured signals: one or two false symptoms in every incident
DOUBLE = 0.15
NOISE_S = 300.0  # so long false symptoms may have been there
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = {
    "artificial_delay": {"config_drift": "middleware.delay_s: 0 -> 6"},
    "pool_members_wrong": {"config_drift": "pools.api.members: web-a, web-b -> edge"},
    "unbounded_session_cache": {"config_drift": "session_cache.max_entries: 2000 -> 0"},
}
JOURNEYS = ("journey_failed", "journey_slow")
FOLLOWING = ("log_exception", "log_connection_reset", "app_slow_tail", "no_traffic", "requests_waiting")
_FRONT = [S(s, "edge", False) for s in JOURNEYS]


@dataclass
class Sampled:
    """What was sampled, and what the reasoner made of it."""

    truth: set[tuple[str, str]]
    found: Diagnosis
    counted: tuple[str, str] | None
    shown: int  # of how many of the causes a sign of their own was read: without one, none can be named

    @property
    def top(self) -> tuple[str, str] | None:
        first = self.found.hypotheses[0] if self.found.hypotheses else None
        return (first.component, first.cause) if first and not self.found.is_unknown else None

    @property
    def confidence(self) -> float:
        return self.found.hypotheses[0].probability if self.found.hypotheses else 0.0


@dataclass
class Score:
    """Shares of all incidents, but for the counts of pairs."""

    n: int = 0
    right: float = 0.0
    counting: float = 0.0
    sure: int = 0
    sure_right: float = 0.0
    shown: int = 0
    shown_right: float = 0.0
    hidden: int = 0
    hidden_sure: float = 0.0
    pairs: int = 0
    pairs_found: int = 0
    calibration_error: float = 0.0
    unknown: float = 0.0
    slowest_ms: float = 0.0
    buckets: list[tuple[float, float, int]] = field(default_factory=list)


def sample(rng: random.Random, pick: Callable[[], tuple[RunbookSpec, str, tuple[str, ...]]]) -> Sampled:
    chosen = [pick() for _ in range(2 if rng.random() < DOUBLE else 1)]
    while len({c[1] for c in chosen}) < len(chosen):
        chosen = [pick() for _ in chosen]
    readable = {(s, n) for n, kind in KINDS.items() for s in READ[kind].split()}
    readable |= {(s, n) for n in KINDS for s in FOLLOWING if KINDS[n] in ("proxy", "http", "frontend")}
    board = arrange([*(S(s, n, False) for s, n in sorted(readable)), *_FRONT], {})
    values: dict[tuple[str, str], bool] = {key: rng.random() < NOISE for key in sorted(readable)}
    values |= {(s, "edge"): rng.random() < 0.01 for s in JOURNEYS}
    onsets = {key: rng.uniform(-NOISE_S, 5.0) for key, true in values.items() if true}
    texts: dict[tuple[str, str], str] = {}
    for spec, _, members in chosen:
        _show(rng, spec, members, board, values, onsets, texts)
    states = [
        S(
            signal,
            name,
            None if rng.random() < UNREAD else value,
            texts.get((signal, name), ""),
            onset=BEGAN + timedelta(seconds=onsets[signal, name]) if value else None,
        )
        for (signal, name), value in values.items()
    ]
    found = diagnose(SPECS, GRAPH, states, catalog=CATALOG)
    true = {(s.signal, s.service) for s in states if s.value}
    shown = sum(
        any(
            (signal, service) in true
            for key in own_signs(spec)
            for signal, service, _ in targets(GRAPH, board, members, key)
        )
        for spec, _, members in chosen
    )
    return Sampled({(c, s.id) for s, c, _ in chosen}, found, _by_counting(states), shown)


def _show(
    rng: random.Random,
    spec: RunbookSpec,
    members: tuple[str, ...],
    board: object,
    values: dict[tuple[str, str], bool],
    onsets: dict[tuple[str, str], float],
    texts: dict[tuple[str, str], str],
) -> None:
    needed = set(spec.requires)
    for key, word in spec.symptoms.items():
        for signal, service, hops in targets(GRAPH, board, members, key):  # type: ignore[arg-type]
            sure = key in needed
            if (signal, service) in values and (sure or rng.random() < WORDS[word] * DECAY ** (hops - 1)):
                values[signal, service] = True
                onsets[signal, service] = (
                    -rng.uniform(1, 10) if CATALOG[signal].changed else rng.uniform(0, 1)
                )
                texts[signal, service] = TEXTS.get(spec.id, {}).get(signal, "")
    if spec.severity != "low":
        everything = arrange([S(s, n) for s, n in sorted(values)], CATALOG)
        kinds = {m for k in spec.requires if k in CATALOG and CATALOG[k].changed for m in CATALOG[k].moved_by}
        for node, _, chance in spread.following(GRAPH, everything, members, kinds):
            if rng.random() < chance and not values[node.signal, node.service]:
                values[node.signal, node.service] = True
                onsets[node.signal, node.service] = rng.uniform(1, 6)
    for key in spec.rules_out:
        for signal, service, _ in targets(GRAPH, board, members, key):  # type: ignore[arg-type]
            if (signal, service) in values:
                values[signal, service] = False


def _by_counting(states: list[S]) -> tuple[str, str] | None:
    """The baseline: the cause with the largest share of its symptoms on the component itself."""
    true = {(s.signal, s.service) for s in states if s.value}
    best, found = 0.0, None
    for spec in SPECS:
        own = [split_key(k)[0] for k in spec.symptoms if split_key(k)[1] == ""]
        for component, members in components(spec, GRAPH):
            hits = sum((s, m) in true for s in own for m in members)
            share = hits * hits / (len(own) * len(members)) if own else 0.0
            if share > best:
                best, found = share, (component, spec.id)
    return found


def run(n: int, seed: int = 1) -> Score:
    rng = random.Random(seed)
    possible = [
        (spec, component, members) for spec in SPECS for component, members in components(spec, GRAPH)
    ]
    shows = [p for p in possible if any(_measured(k, p[2]) for k in p[0].symptoms)]
    by_cause: dict[str, list[tuple[RunbookSpec, str, tuple[str, ...]]]] = {}
    for item in shows:
        by_cause.setdefault(item[0].id, []).append(item)
    causes = sorted(by_cause)
    weights = [by_cause[c][0][0].prior for c in causes]

    def pick() -> tuple[RunbookSpec, str, tuple[str, ...]]:
        return rng.choice(by_cause[rng.choices(causes, weights)[0]])

    return _score([sample(rng, pick) for _ in range(n)])


def _measured(key: str, members: tuple[str, ...]) -> bool:
    signal, scope = split_key(key)
    return scope == "" and all(signal in READ[KINDS[m]].split() for m in members)


def _score(cases: list[Sampled]) -> Score:
    score = Score(n=len(cases))
    score.right = sum(c.top in c.truth for c in cases) / len(cases)
    score.unknown = sum(c.top is None for c in cases) / len(cases)
    score.counting = sum(c.counted in c.truth for c in cases) / len(cases)
    sure = [c for c in cases if c.confidence >= 0.9 and c.top]
    score.sure = len(sure)
    score.sure_right = sum(c.top in c.truth for c in sure) / max(len(sure), 1)
    shown = [c for c in cases if c.shown]
    score.shown, score.hidden = len(shown), len(cases) - len(shown)
    score.shown_right = sum(c.top in c.truth for c in shown) / len(shown)
    score.hidden_sure = sum(not c.shown for c in sure) / max(score.hidden, 1)
    double = [c for c in cases if len(c.truth) == 2 == c.shown]
    score.pairs = len(double)
    score.pairs_found = sum(
        c.truth <= {(h.component, h.cause) for h in c.found.hypotheses[:3]} for c in double
    )
    score.slowest_ms = max(c.found.elapsed_ms for c in cases)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9):
        high = {0.8: 0.9, 0.9: 1.01}.get(low, low + 0.2)
        inside = [c for c in cases if c.top and low <= c.confidence < high]
        if inside:
            said = sum(c.confidence for c in inside) / len(inside)
            right = sum(c.top in c.truth for c in inside) / len(inside)
            score.buckets.append((round(said, 3), round(right, 3), len(inside)))
            score.calibration_error += abs(said - right) * len(inside) / len(cases)
    return score
