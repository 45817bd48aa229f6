"""How long the reasoner thinks, and how well the runbooks are found."""

from __future__ import annotations

from agent import reasoner
from incidents import evidence
from incidents.evidence import SignalState
from knowledge import bench as retrieval
from knowledge import service as knowledge
from opsportal.bench.figures import Row, Series
from systems.services import LoadedSystem


def reason(system: LoadedSystem, picture: list[SignalState], repeats: int) -> Row:
    """Diagnoses of `picture` (evidence of a real incident), or of the system as it is when there is none."""
    states = picture or evidence.picture(system.slug).states
    specs = knowledge.active_specs()
    series = Series("ms")
    for _ in range(repeats):
        series.samples.append(reasoner.diagnose(specs, system, states).elapsed_ms)
    seen = f"{sum(bool(s.value) for s in states)} signals true of {len(states)}"
    of = "of a real incident" if picture else "of the healthy system"
    note = f"{len(specs)} runbooks x {len(system.services)} services, evidence {of}: {seen}"
    return Row("diagnosis by the reasoner", series.words(0.5, 0.99), "-", note, {"elapsed": series.as_json()})


def find() -> Row:
    """Recall of the runbook search on the questions kept with it."""
    found = retrieval.measure()
    figure = f"recall@1 {found.recall_at_1:.2f}, recall@3 {found.recall_at_3:.2f}"
    note = f"{found.questions} questions, MRR {found.mrr:.2f}, {found.median_ms:.0f} ms at the median"
    quiet = f"; silent on {found.quiet:.0%} of the questions that have no answer"
    return Row("runbook search", figure, "-", note + quiet, vars(found))
