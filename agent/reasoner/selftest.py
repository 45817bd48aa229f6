"""The self-test of a runbook: in a system with one of everything, its typical symptoms must rank it first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agent.reasoner import diagnose
from agent.reasoner.board import Board, arrange
from agent.reasoner.runbooks import targets
from agent.reasoner.types import Catalog
from incidents.signals import CATALOG
from knowledge.spec import RunbookSpec, split_key
from systems.graph import SystemGraph

TYPICAL = ("certain", "usual", "often")
CHANGED = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = CHANGED + timedelta(seconds=10)  # what a change brings about comes after it
_SERVICES = {
    "proxy-1": ("proxy", {"http-1", "http-2", "frontend-1", "link-1"}),
    "http-1": ("http", {"postgres-1", "redis-1", "external-1", "link-1"}),
    "http-2": ("http", {"postgres-1", "redis-1", "external-1", "link-1"}),
    "frontend-1": ("frontend", {"http-1", "http-2"}),
    "worker-1": ("worker", {"postgres-1", "redis-1"}),
    "jobs-1": ("jobs", {"postgres-1", "redis-1"}),
    "postgres-1": ("postgres", set[str]()),
    "redis-1": ("redis", set[str]()),
    "link-1": ("link", set[str]()),
    "external-1": ("external", set[str]()),
    "loadgen-1": ("loadgen", {"proxy-1"}),
}


@dataclass(frozen=True)
class _State:
    signal: str
    service: str
    value: bool | None
    label: str = ""
    reading_value: float | None = None
    text: str = ""
    onset: datetime | None = None


def toy_system(extra_kinds: Sequence[str] = ()) -> SystemGraph:
    """One service of every kind, two replicas of the http one, edges through a link."""
    kinds = {name: kind for name, (kind, _) in _SERVICES.items()}
    needs = {name: set(others) for name, (_, others) in _SERVICES.items()}
    for kind in extra_kinds:
        if kind not in kinds.values() and kind != "any":
            kinds[f"{kind}-1"], needs[f"{kind}-1"] = kind, set()
            needs["http-1"].add(f"{kind}-1")
    carried = {n: {"link-1"} for n in ("postgres-1", "redis-1", "external-1", "http-1", "http-2")}
    return SystemGraph(kinds, needs, {"http": ["http-1", "http-2"]}, carried)


def check(
    spec: RunbookSpec, others: Sequence[RunbookSpec], *, catalog: Catalog | None = None
) -> list[tuple[str, str, str]]:
    """For `knowledge.validation`: (front matter key, what is wrong, level); [] when the self-test passes."""
    rivals = [o for o in others if o.id != spec.id]
    graph = toy_system(spec.applies_to)
    for kind in spec.applies_to:
        wanted = "http" if kind == "any" else kind
        component = next(n for n, k in graph.kinds.items() if k == wanted)
        problem = _outranked(spec, rivals, graph, component, CATALOG if catalog is None else catalog)
        if problem:
            return [("symptoms", f"self-test: its own typical symptoms on a {wanted} {problem}", "error")]
    return []


def _outranked(
    spec: RunbookSpec,
    rivals: Sequence[RunbookSpec],
    graph: SystemGraph,
    component: str,
    catalog: Catalog,
) -> str:
    """What leads instead of it; '' when it leads. Texts can't be made up, so its own patterns are not asked for."""
    plain = spec.model_copy(update={"match": {}})
    states = typical(plain, rivals, graph, component, catalog)
    found = diagnose([plain, *rivals], graph, states, catalog=catalog)
    if found.is_unknown:
        return f"don't point to any cause (none of these: {found.none_probability:.0%})"
    top = found.hypotheses[0]
    if (top.cause, component in top.members) != (spec.id, True):
        return f"point to {top.cause!r} ({top.probability:.0%}) rather than to it"
    return ""


def typical(
    spec: RunbookSpec, rivals: Sequence[RunbookSpec], graph: SystemGraph, component: str, catalog: Catalog
) -> list[_State]:
    """All signals any runbook speaks of, false everywhere but where this cause typically shows."""
    signals = {split_key(k)[0] for s in (spec, *rivals) for k in (*s.symptoms, *s.requires, *s.rules_out)}
    measured = {n: info for n, info in catalog.items() if not getattr(info, "is_declared", False)}
    fails = {name for name, info in measured.items() if getattr(info, "klass", "") == "fails"}
    signals |= fails
    false = [_State(signal, name, False) for signal in sorted(signals) for name in graph.kinds]
    board = arrange(false, catalog)
    shown = {
        (signal, service)
        for key, word in spec.symptoms.items()
        if word in TYPICAL
        for signal, service, _ in _where(graph, board, component, key)
    }
    if any(getattr(catalog.get(name), "changed", False) for name in spec.requires):
        shown |= {
            (name, component) for name in fails if name not in spec.rules_out
        }  # a change alone is no trouble
    return [_seen(s, catalog) if (s.signal, s.service) in shown else s for s in false]


def _seen(state: _State, catalog: Catalog) -> _State:
    changed = getattr(catalog.get(state.signal), "changed", False)
    return replace(state, value=True, onset=CHANGED if changed else SHOWN)


def _where(graph: SystemGraph, board: Board, component: str, key: str) -> list[tuple[str, str, int]]:
    signal, scope = split_key(key)
    if scope == "any":  # journeys and the like show at the front
        return [(signal, "proxy-1", 1)]
    if scope == "deps":  # one of them, not all
        return [(signal, "redis-1", 1)]
    return targets(graph, board, (component,), key)
