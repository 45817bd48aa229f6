"""The built-in reasoner: from runbooks, the dependency graph and the evidence to ranked causes. No I/O.

The model is a noisy-OR: each cause shows each of its symptoms with some likelihood, and symptoms also leak.
What is asked is which small set of causes (none, one, or two) makes what is seen, and what is not seen, most
probable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from agent.reasoner import render
from agent.reasoner.board import arrange
from agent.reasoner.causes import build
from agent.reasoner.infer import TEMPERATURE, infer
from agent.reasoner.questions import next_checks
from agent.reasoner.types import (
    Boosts,
    Catalog,
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
) -> Diagnosis:
    """Rank the causes. `system`: a LoadedSystem or SystemGraph. `priors`: by cause id. `boosts`: bits by
    cause id or `component:cause`, capped. `learned`: (hits, misses) by (cause id, symptom key). `catalog`: the
    portal's own when None. `settled`: 0 when the trouble has just begun, 1 when all it brings has had time to show.
    """
    started = time.perf_counter()
    graph = SystemGraph.of(system)
    board = arrange(states, catalog if catalog is not None else _catalog())
    causes = build(
        specs, graph, board, priors=priors or {}, boosts=boosts or {}, learned=learned or {}, settled=settled
    )
    posterior = infer(causes, board, temperature)
    best = posterior.sets[0][0]
    names = {i: causes[i].key for i in best if i >= 0}
    ranked = sorted(posterior.marginal.items(), key=lambda item: (-item[1], causes[item[0]].key))
    shown = {i: p for i, p in ranked[:SHOWN] if p >= WORTH_SHOWING or i in names}
    built = {
        i: render.hypothesis(
            causes[i], graph, board, p, tuple(n for j, n in names.items() if j != i and i in names)
        )
        for i, p in shown.items()
    }
    return Diagnosis(
        hypotheses=tuple(built.values()),
        none_probability=posterior.none,
        next_checks=tuple(next_checks(causes, graph, board, posterior)),
        elapsed_ms=(time.perf_counter() - started) * 1000,
        leading=tuple(built[i] for i in best if i in built),
        unexplained=tuple(render.unexplained([causes[i] for i in names], board)),
    )


def _catalog() -> Catalog:
    from incidents.signals import CATALOG

    found: Catalog = CATALOG
    return found
