"""Facts into evidence: states of general signs, the graph, and the changes, each about components."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from incidents.foreign import lines, measured, states, window
from incidents.foreign.facts import Alert, Facts, Told
from incidents.foreign.measured import Finding
from incidents.foreign.names import PLATFORM, Names, bare, groups, on_node
from incidents.foreign.signs import State
from incidents.foreign.standing import Judge, Standing
from incidents.foreign.window import Window

_GENERAL = frozenset({
    "metrics", "metric", "data", "simple_metrics", "timeseries", "series", "simple_data", "values", "kpi",
    "result", "query", "output", "points",
    "cloudwatch", "prometheus", "aws_cloudwatch_metrics", "datadog_metrics", "measurements", "stats", "telemetry",
})  # fmt: skip


@dataclass
class Evidence:
    """What speaks for and against, of whatever system. `needs[a]` is what `a` calls or runs on."""

    states: list[State] = field(default_factory=list)
    needs: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    changes: list[Told] = field(default_factory=list)
    window: Window = field(default_factory=Window)
    standing: Standing = field(default_factory=lambda: Standing(None))
    found: list[Finding] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    calm: int = 0  # series that were measured and stayed normal
    notes: list[str] = field(default_factory=list)
    forms: dict[str, int] = field(default_factory=dict)

    @property
    def bad(self) -> list[State]:
        return [s for s in self.states if s.value]


def gather(facts: Facts) -> Evidence:
    """All evidence in the facts."""
    resolver = _names(facts)
    only = _only(facts, resolver)

    def resolve(name: str) -> str:
        return only if bare(name).lower() in _GENERAL or not name else resolver.component(name)

    series = lines.lines_of(facts, resolve)
    hints = [*facts.hints, *sorted(a.at for a in facts.alerts if a.firing and a.at is not None)]
    span = window.find_window(series, hints)
    judged = measured.judge(series, span)
    needs = _needs(facts, resolve)
    components = _components(facts, resolve, needs) | judged.components
    stand = Judge(facts, resolver, components, span.start if judged.found else None).judged()
    for caller, called in stand.edges:
        needs.setdefault(caller, set()).add(called)
    alerts = [
        replace(a, component=states.of_alert(a, resolve, components)) for a in states.latest(facts.alerts)
    ]
    found = [
        *states.measured_states(judged), *states.said_states(stand), *states.object_states(stand),
        *states.alert_states(alerts, judged),
    ]  # fmt: skip
    found += states.order(found, judged.found)
    everything = sorted(components | {s.service for s in found} | stand.external)
    found += states.unsaid(found, everything)
    hosts = _hosts(facts, resolve)
    return Evidence(
        states=found,
        needs=needs,
        groups=groups(everything),
        kinds={c: "node" if facts.kinds.get(c) == "node" or c in hosts else "service" for c in everything},
        changes=[
            replace(c, component=resolve(c.component) if c.component else "")
            for c in sorted(facts.changes, key=lambda c: c.at)
        ],
        window=span,
        standing=stand,
        found=judged.found,
        alerts=alerts,
        calm=len(judged.calm),
        notes=facts.notes,
        forms=dict(facts.forms),
    )


def _components(facts: Facts, resolve: Callable[[str], str], needs: dict[str, set[str]]) -> set[str]:
    """Everything that is spoken of, measured or not."""
    raw = [*facts.workloads, *(o.name for o in facts.objects), *facts.logs.flow]
    raw += [k.component for k in facts.logs.kinds.values()]
    named = {resolve(n) for n in raw}
    return (named | needs.keys() | {o for others in needs.values() for o in others}) - {""}


def _names(facts: Facts) -> Names:
    """Every name that stands for a component by itself: workloads, and what writes spans, logs and metrics."""
    owners = {o.name: o.owner for o in facts.objects if o.owner}
    known = {*facts.workloads, *facts.spans.names, *(a for a, _ in facts.edges), *(b for _, b in facts.edges)}
    known |= {o.name for o in facts.objects if o.kind != "Pod"}
    known |= {n for n, _ in facts.series if not PLATFORM.match(n)}
    known |= {n for n in facts.logs.flow if n and not PLATFORM.match(n)}
    pods = {o.name for o in facts.objects if o.kind == "Pod"}
    hashed = {n for n in known if re.match(r"^.+-[0-9a-f]{7,10}-[a-z0-9]{4,5}$", bare(n))}
    return Names(known - pods - hashed, owners, facts.kinds)


def _only(facts: Facts, names: Names) -> str:
    """What a series without a name is of: the one component that is spoken of, else the system."""
    spoken = {names.component(w) for w in facts.workloads} | {
        names.component(a.component) for a in facts.alerts if a.component
    }
    spoken |= {names.component(n) for n, _ in facts.series if bare(n).lower() not in _GENERAL}
    spoken.discard("")
    return next(iter(spoken)) if len(spoken) == 1 else "system"


def _needs(facts: Facts, resolve: Callable[[str], str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for caller, called in [*facts.edges, *facts.spans.edges(), *facts.hosts]:
        a, b = resolve(caller), resolve(called)
        if a and b and a != b:
            found[a].add(b)
    return dict(found)


def _hosts(facts: Facts, resolve: Callable[[str], str]) -> set[str]:
    found = {resolve(host) for _, host in facts.hosts}
    return found | {on_node(n)[1] for n, _ in facts.series} - {""}
