"""How well search finds the right runbook, on the questions of queries.yaml."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from knowledge import retrieval
from systems import yamlsafe

QUERIES = Path(__file__).parent / "queries.yaml"


@dataclass
class Figures:
    """Shares over the questions that have an answer; `quiet`: share of the others that got none."""

    questions: int
    recall_at_1: float
    recall_at_3: float
    mrr: float
    quiet: float
    median_ms: float
    missed: list[str] = field(default_factory=list)


def measure(path: Path = QUERIES) -> Figures:
    """Ask every question once. The first, which loads the model, is asked beforehand."""
    items = yamlsafe.load(path.read_text("utf-8"))
    retrieval.search(items[0]["q"])
    ranks: list[int] = []
    silent: list[bool] = []
    spent: list[float] = []
    missed: list[str] = []
    for item in items:
        started = time.perf_counter()
        found = [h.slug for h in retrieval.search(item["q"], limit=10)]
        spent.append((time.perf_counter() - started) * 1000)
        if item["want"] is None:
            silent.append(not found)
            continue
        rank = found.index(item["want"]) + 1 if item["want"] in found else 0
        ranks.append(rank)
        if rank != 1:
            missed.append(f"{item['q']} -> {found[:2]} instead of {item['want']} (rank {rank or 'none'})")
    n = len(ranks)
    return Figures(
        questions=n,
        recall_at_1=sum(r == 1 for r in ranks) / n,
        recall_at_3=sum(0 < r <= 3 for r in ranks) / n,
        mrr=sum(1 / r for r in ranks if r) / n,
        quiet=sum(silent) / max(len(silent), 1),
        median_ms=sorted(spent)[len(spent) // 2],
        missed=missed,
    )
