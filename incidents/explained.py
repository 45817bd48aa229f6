"""Which symptom belongs to which incident: by what explains it, not by what is connected with what.

Each cause that leads, with the symptoms it explains best, is one incident. What no cause explains belongs to the one
whose part it needs, else to its own neighbourhood in place and time. No I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from systems.graph import SystemGraph

HOPS = 2  # what nothing explains is one trouble with what is at most so far away
ONSET = timedelta(seconds=30)  # ... and, beside a known cause, began within this

Name = tuple[str, str, str]  # signal, service, label


@dataclass(frozen=True, slots=True)
class Sign:
    """A symptom that holds. `opens`: it may open an incident by itself; `tells`: it may make one of its own beside
    another, being more than words; `flows`: it tells of work that others bring and take away; `owner`: the open
    incident it belongs to."""

    name: Name
    onset: datetime
    opens: bool = True
    tells: bool = True
    flows: bool = False
    owner: int | None = None


@dataclass(frozen=True, slots=True)
class Explainer:
    """A cause that leads: the bits it gives each (signal, service)."""

    key: str
    component: str
    title: str
    bits: Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Open:
    """An open incident. `component`: of its diagnosis, "" while unknown. `acted`: something was done for that diagnosis
    and is being measured: it is no other explanation's incident meanwhile."""

    number: int
    component: str = ""
    started_at: datetime = field(default=datetime.max)
    acted: bool = False


@dataclass
class Group:
    """The symptoms of one explanation. `cause` is its key, "" for what nothing explains."""

    cause: str
    component: str
    title: str = ""
    signs: list[Sign] = field(default_factory=list)
    incident: int | None = None

    @property
    def opens(self) -> bool:
        return any(s.opens for s in self.signs)

    @property
    def names(self) -> set[Name]:
        return {s.name for s in self.signs}


def group(signs: Sequence[Sign], leading: Sequence[Explainer], graph: SystemGraph) -> list[Group]:
    """The explanations of `signs`, those with a cause first."""
    found = [Group(e.key, e.component, e.title) for e in leading]
    left: list[Sign] = []
    for sign in signs:
        place = _best(sign, leading)
        place = place if place is not None else _needed(sign, leading, graph)
        (left if place is None else found[place].signs).append(sign)
    found = [g for g in found if g.opens]
    return [*found, *_neighbourhoods(left, graph, ONSET if leading else None)]


def _best(sign: Sign, leading: Sequence[Explainer]) -> int | None:
    """The cause that explains it best; of two that do so equally the likelier, which comes first."""
    told = [(e.bits.get(sign.name[:2], 0.0), -place) for place, e in enumerate(leading)]
    best = max(told, default=(0.0, 0))
    return -best[1] if best[0] > 0 else None


def _needed(sign: Sign, leading: Sequence[Explainer], graph: SystemGraph) -> int | None:
    """The nearest cause on whose part it depends, itself included, or that who brings and takes its work away depends
    on: it may well follow from that."""
    part = sign.name[1]
    parts = {part, *graph.callers([part])} if sign.flows else {part}
    hops: list[tuple[int, int]] = []
    for place, cause in enumerate(leading):
        members = tuple(graph.members(cause.component))
        reached = {**graph.callers(members), **dict.fromkeys(members, 0)}
        hops += [(reached[p], place) for p in parts & reached.keys()]
    return min(hops)[1] if hops else None


def _neighbourhoods(signs: Sequence[Sign], graph: SystemGraph, within: timedelta | None) -> list[Group]:
    """What is near in place, directly or by what lies between, is one trouble; and in time, where that tells. What
    opens nothing by itself only joins. `within`: None while no cause is known at all: what is late may follow."""
    found: list[list[Sign]] = []
    for sign in sorted(signs, key=lambda s: (not s.opens, s.onset, s.name)):
        around = _around(sign.name[1], graph)
        if not sign.opens and sign.name[1] in graph.runs:
            continue  # a busy machine makes no one trouble of two on it
        near = [g for g in found if any(s.name[1] in around and _together(s, sign, within) for s in g)]
        if near:
            near[0].append(sign)
            for other in near[1:]:
                near[0].extend(other)
                found.remove(other)
        elif sign.opens:
            found.append([sign])
    return [Group("", group[0].name[1], signs=group) for group in found]


def _around(part: str, graph: SystemGraph) -> set[str]:
    """Itself, what is a few hops away, and whatever needs it or is needed by it: trouble goes along there."""
    machines = (machine for machine, on_it in graph.runs.items() if part in on_it)
    return {part, *graph.near([part], HOPS), *graph.callers([part]), *graph.dependencies([part]), *machines}


def _together(one: Sign, other: Sign, within: timedelta | None) -> bool:
    return within is None or abs(one.onset - other.onset) <= within


def match(groups: Sequence[Group], incidents: Sequence[Open]) -> None:
    """Say of each group which open incident it is: by the component of its diagnosis, then by the most symptoms in
    common, the older first. No incident is two groups."""
    free = {i.number: i for i in sorted(incidents, key=lambda i: (i.started_at, i.number))}
    for named in groups:
        same = next((i for i in free.values() if named.cause and i.component == named.component), None)
        if same is not None:
            named.incident = same.number
            del free[same.number]
    pairs = sorted(
        (
            (-sum(s.owner == n and s.opens for s in g.signs), place, at)
            for at, g in enumerate(groups)
            if g.incident is None
            for place, n in enumerate(free)
            if not (free[n].acted and g.cause)
        ),
    )
    numbers = list(free)
    for common, place, at in pairs:
        if common < 0 and groups[at].incident is None and numbers[place] in free:
            groups[at].incident = numbers[place]
            del free[numbers[place]]


@dataclass(frozen=True, slots=True)
class Move:
    """What would have to be done: these symptoms belong to `to` (None: to an incident of their own)."""

    names: frozenset[Name]
    source: int | None
    to: int | None
    cause: str
    component: str

    @property
    def key(self) -> tuple[int | None, int | None, str]:
        """What stays the same from look to look while it is the same move."""
        return (self.source, self.to, self.component)


def moves(
    groups: Sequence[Group], fixed: Collection[int] = (), kept: Mapping[int, Collection[Name]] | None = None
) -> list[Move]:
    """Where a symptom is in another incident than its explanation. `fixed`: incidents that give nothing away. `kept`:
    what an incident keeps when it would be left with nothing."""
    with_some = {g.incident for g in groups if g.opens}
    found = []
    for g in groups:
        sources = {s.owner for s in g.signs if s.owner is not None and s.owner != g.incident}
        for source in sorted(sources - set(fixed)):
            keeps = () if source in with_some or kept is None else kept.get(source, ())
            mine = [s for s in g.signs if s.owner == source and s.name not in keeps]
            if any(s.opens and s.tells for s in mine):
                names = frozenset(s.name for s in mine)
                found.append(Move(names, source, g.incident, g.cause, g.component))
    return found
