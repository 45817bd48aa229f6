"""The built-in reasoner: from runbooks, the dependency graph and the evidence to ranked causes. No I/O.

The model is a noisy-OR: each cause shows each of its symptoms with some likelihood, and symptoms also leak.
What is asked is which small set of causes (none, one, or two) makes what is seen, and what is not seen, most
probable.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.reasoner import blame, history, led, render, unknown
from agent.reasoner import changes as ledger
from agent.reasoner.board import Board, arrange
from agent.reasoner.causes import Cause, build
from agent.reasoner.infer import TEMPERATURE, Posterior, infer
from agent.reasoner.questions import next_checks
from agent.reasoner.runbooks import Compiled
from agent.reasoner.stories import is_bystander, told_once
from agent.reasoner.types import (
    Boosts,
    Catalog,
    Change,
    Diagnosis,
    Evidence,
    Hypothesis,
    Learned,
    NextCheck,
    PlannedStep,
    Priors,
    States,
)
from knowledge.spec import RunbookSpec
from systems.graph import SystemGraph

__all__ = ["Diagnosis", "Evidence", "Hypothesis", "NextCheck", "PlannedStep", "SystemGraph", "diagnose"]

SHOWN = 8
COINCIDENCE = 0.55  # at most, for a change of whose own kind nothing has a sign: too little to act on
SURER = 0.6  # of a cause beside which a mere change is a bystander
WORTH_SHOWING = 0.005


def diagnose(
    specs: Sequence[RunbookSpec],
    system: Any,
    states: States,
    *,
    catalog: Catalog | None = None,
    priors: Priors | None = None,
    boosts: Boosts | None = None,
    learned: Learned | None = None,
    temperature: float = TEMPERATURE,
    settled: float = 1.0,
    changes: Sequence[Change] = (),
    now: datetime | None = None,
    leaks: Mapping[str, float] | None = None,
) -> Diagnosis:
    """Rank the causes. `system`: a LoadedSystem or SystemGraph. `priors`: by cause id. `boosts`: bits by
    cause id or `component:cause`, capped. `learned`: (hits, misses) by (cause id, symptom key). `catalog`: the
    portal's own when None. `settled`: 0 when the trouble has just begun, 1 when all it brings has had time to show.
    `changes`: what changed lately. `now`: of the evidence. `leaks`: how often each signal holds in this system's quiet.
    """
    started = time.perf_counter()
    graph = SystemGraph.of(system)
    board = arrange(states, catalog if catalog is not None else _catalog(), leaks, settled)
    led.date(changes, board)
    causes = build(
        specs, graph, board, priors=priors or {}, boosts=boosts or {}, learned=learned or {}, settled=settled
    )
    moment = now.timestamp() if now else None
    led.weigh_times(causes, board, changes, graph, moment)
    changes = history.whole([c for c in changes if not history.waits(c, moment, board)], graph)
    causes += ledger.build(changes, causes, graph, board, moment, settled)
    causes += unknown.build(Compiled.of(specs), graph, board, settled)
    posterior = infer(causes, board, temperature)
    posterior, follows = told_once(posterior, causes, changes, graph, board)
    built = _shown(posterior, causes, follows, changes, graph, board)
    best = posterior.sets[0][0]
    suspects = ((causes[i].component, p) for i, p in _ranked(posterior, causes) if not causes[i].is_known)
    return Diagnosis(
        hypotheses=tuple(built.values()),
        none_probability=posterior.none,
        next_checks=tuple(next_checks(causes, graph, board, posterior)),
        elapsed_ms=(time.perf_counter() - started) * 1000,
        leading=tuple(built[i] for i in best if i in built),
        unexplained=tuple(render.unexplained([causes[i] for i in best], board)),
        suspect=next(suspects, ("", 0.0)),
        place=_place(posterior, causes),
    )


def _place(posterior: Posterior, causes: Sequence[Cause]) -> tuple[str, float]:
    """The part in which something is wrong, whatever it is, and how probable that is."""
    odds: dict[str, float] = {}
    for members, p in posterior.sets:
        for part in {causes[i].component for i in members}:
            odds[part] = odds.get(part, 0.0) + p
    return min(odds.items(), key=lambda item: (-item[1], item[0]), default=("", 0.0))


def _ranked(posterior: Posterior, causes: Sequence[Cause]) -> list[tuple[int, float]]:
    return sorted(posterior.marginal.items(), key=lambda item: (-item[1], causes[item[0]].key))


def _shown(
    posterior: Posterior,
    causes: Sequence[Cause],
    follows: Mapping[int, int],
    changes: Sequence[Change],
    graph: SystemGraph,
    board: Board,
) -> dict[int, Hypothesis]:
    """The causes worth showing in words, the most probable first, by their numbers. `follows`: in whose place which of
    them stands."""
    named = {i: causes[i].key for i in posterior.sets[0][0] if causes[i].is_known}
    known = [(i, p) for i, p in _ranked(posterior, causes) if causes[i].is_known]
    first, sure = known[0] if known else (-1, 0.0)
    capped = {
        i for i, p in known
        if ledger.is_coincidence(causes[i])
        or (p < sure >= SURER and is_bystander(causes[i], causes[first], board))
    }  # fmt: skip
    known = [(i, min(p, COINCIDENCE) if i in capped else p) for i, p in known]
    return {
        i: render.hypothesis(
            causes[i],
            graph,
            board,
            p,
            tuple(n for j, n in named.items() if j != i and i in named),
            blame.blamed(causes[i], changes, graph, board),
            [causes[j] for j, leader in follows.items() if leader == i],
        )
        for i, p in known[:SHOWN]
        if p >= WORTH_SHOWING or i in named
    }


def _catalog() -> Catalog:
    from incidents.signals import CATALOG

    found: Catalog = CATALOG
    return found
