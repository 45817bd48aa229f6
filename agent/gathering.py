"""One look per system while anything is sick: is each incident one explanation, and each explanation one incident?

Two faults that have nothing to do with each other are two incidents, with two runs that work side by side; what turns
out to follow from one cause is one. What a look says must have held for several looks before anything is moved.

What was handed over because no cause was certain enough is looked at in the same way, and taken back once one is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from actions.models import ActionRequest
from agent import looks
from agent.context import name_of_key
from agent.doubt import acts, without_own_doing
from agent.models import Phase, Run
from agent.reasoner import Diagnosis
from agent.roles.diagnoser import diagnosis
from incidents import evidence, regroup
from incidents.explained import Explainer, Group, Move, Name, Open, Sign, group, match, moves
from incidents.facts import HandedOver
from incidents.models import OPEN_STATES, Incident, State, Symptom, TimelineEvent
from incidents.service import TELLS
from incidents.signals import CATALOG
from incidents.verdict import ACT_AT
from systems import services
from systems.graph import SystemGraph
from systems.services import LoadedSystem

HOLD = 3  # looks in a row that say the same
HANDED_EVERY = 5  # ticks between the looks at what only waits for a person
TELLING = 2  # of incidents.service.TELLS: what may make an incident of its own beside another
LINGERS = timedelta(seconds=15)  # shares of requests are over the last ten seconds, and read a little later
OF_REQUESTS = ("fails", "slow")  # classes of signals that are read over a while


@dataclass
class Held:
    """What the looks at one system have said so far; lost with the process, which costs a few looks."""

    last: datetime | None = None
    ticks: int = 0
    counts: dict[object, int] = field(default_factory=dict)
    again: set[Known] = field(default_factory=set)  # what was looked at again for once, and handed over again


_held: dict[str, Held] = {}


@dataclass
class Acted:
    """What was acted on, and what held when that was planned."""

    targets: set[str] = field(default_factory=set)
    before: set[Name] = field(default_factory=set)
    last: datetime | None = None  # None: nothing was done yet

    def touched(self, graph: SystemGraph) -> set[str]:
        """What the effect may show on: its targets, and whoever needs them."""
        parts = {m for target in self.targets for m in graph.members(target)}
        return parts | graph.callers(parts).keys()


@dataclass(frozen=True)
class Known:
    """The cause of an incident that was handed over without one is likely enough to act on by now."""

    incident: int
    title: str


def sweep() -> list[Known]:
    """Look once at each system that has an open incident and a picture newer than the last look's."""
    rows = Incident.objects.filter(state__in=OPEN_STATES).select_related("system")
    by_system: dict[str, list[Incident]] = {}
    for row in rows:
        by_system.setdefault(row.system.slug, []).append(row)
    for slug in set(_held) - set(by_system):
        del _held[slug]
    return [known for slug, incidents in by_system.items() for known in _look(slug, incidents)]


def _look(slug: str, incidents: Sequence[Incident]) -> list[Known]:
    held, picture = _held.setdefault(slug, Held()), evidence.picture(slug)
    if picture.starved or not looks.is_fresh(picture.at, held.last):
        return []
    held.last = picture.at
    held.ticks += 1
    signs = _signs(incidents)
    watched = [i for i in incidents if _is_watched(i)]
    if len(watched) == len(incidents) and held.ticks % HANDED_EVERY:
        return []
    acted = _acted([i.number for i in incidents])
    if len({s.name[1] for s in signs if s.opens and s.tells}) < 2 and not (watched or acted):
        held.counts.clear()
        return []  # one part: there is nothing to tell apart
    system = services.load(slug)
    first = min(incidents, key=lambda i: i.started_at)
    states = without_own_doing(acts(first), system, picture.states)
    groups = group(signs, explainers(diagnosis(first, states)), system.graph)
    match(groups, [Open(i.number, i.component, i.started_at, i.number in acted) for i in incidents])
    wanted, known = _moves(system, incidents, groups, acted), _known(watched, groups)
    keys = [*(m.key for m in wanted), *known]
    held.counts = {key: held.counts.get(key, 0) + 1 for key in keys}
    for move in wanted:
        if held.counts[move.key] >= HOLD:
            del held.counts[move.key]
            regroup.carry_out(move)
    ready = [k for k in known if held.counts[k] >= HOLD and k not in held.again]
    held.again |= set(ready)
    return ready


def _is_watched(incident: Incident) -> bool:
    """Whether it waits for a person whom nobody has become, without a cause that is known."""
    return (
        incident.state == State.HANDED_OVER
        and not (incident.agent_stopped or incident.owner_id or incident.cause)
        and incident.system.agent_on
    )


def _known(watched: Sequence[Incident], groups: Sequence[Group]) -> list[Known]:
    by_number = {i.number: i for i in watched}
    return [
        Known(g.incident, f"Looking again: {g.title}, now likely enough"[:300])
        for g in groups
        if g.cause and g.incident in by_number and not _in_vain(by_number[g.incident], g.cause)
        if g.cause not in _handed_over_with(by_number[g.incident])
    ]


def _handed_over_with(incident: Incident) -> set[str]:
    """The causes that were as likely when it was handed over last, for another reason than doubt: they are no news."""
    event = TimelineEvent.objects.filter(incident=incident, kind=HandedOver.kind).order_by("-seq").first()
    facts = event.facts if event else None
    found = facts.findings if isinstance(facts, HandedOver) else []
    return {f.key for f in found if f.probability >= ACT_AT}


def _in_vain(incident: Incident, cause: str) -> bool:
    """Whether its repair was tried already, and did not help."""
    return any(repair.key == cause for repair in incident.verdict.failed)


def _signs(incidents: Sequence[Incident]) -> list[Sign]:
    rows = Symptom.objects.filter(incident__in=[i.pk for i in incidents], cleared_at=None)
    return [
        Sign(
            (r.signal, r.service, r.label),
            r.first_seen,
            r.opens,
            _tells(r.signal),
            _flows(r.signal),
            r.incident_id,
        )
        for r in rows
    ]


def _tells(signal: str) -> bool:
    return signal in CATALOG and TELLS[CATALOG[signal].klass] >= TELLING


def _flows(signal: str) -> bool:
    return signal in CATALOG and CATALOG[signal].klass == "flow"


def _moves(
    system: LoadedSystem, incidents: Sequence[Incident], groups: Sequence[Group], acted: Mapping[int, Acted]
) -> list[Move]:
    theirs = {i.number for i in incidents if i.agent_stopped or i.owner_id or _has_others(i)}
    kept = {number: done.before for number, done in acted.items()}
    wanted = [m for m in moves(groups, theirs, kept) if m.to not in theirs]
    lingering = _lingering(groups, acted, system.graph)
    wanted = [m for m in wanted if not m.names <= lingering]
    return [m for m in wanted if _may(m, groups, acted, system.graph)]


def _lingering(groups: Sequence[Group], acted: Mapping[int, Acted], graph: SystemGraph) -> set[Name]:
    """What failed or was slow before the act, and shows only now because it is read over a while: it is no other
    trouble's."""
    return {
        s.name
        for g in groups
        for s in g.signs
        if s.owner is not None
        and (done := acted.get(s.owner)) is not None
        and done.last is not None
        and s.name not in done.before
        and s.onset <= done.last + LINGERS
        and CATALOG[s.name[0]].klass in OF_REQUESTS
        and s.name[1] in done.touched(graph)
    }


def _has_others(incident: Incident) -> bool:
    """Whether another trouble was made part of it: its own return is none."""
    return incident.merged.exclude(pk__in=[o.back_as for o in incident.openings if o.back_as]).exists()


def explainers(found: Diagnosis) -> list[Explainer]:
    """The causes that lead and are likely enough to act on."""
    leading = [h for h in found.leading if h.probability >= ACT_AT]
    return [
        Explainer(
            h.key,
            h.component,
            f"{h.title} on {h.component}",
            {(e.signal, e.service): e.bits for e in h.evidence_for if not e.missing},
        )
        for h in sorted(leading, key=lambda h: -h.probability)
    ]


def _acted(numbers: Sequence[int]) -> dict[int, Acted]:
    """The incidents for which something was done whose effect is under way or being measured."""
    busy = Q(state__in=(State.ACTING, State.VERIFYING)) | Q(runs__phase=Phase.VERIFY)
    mine = Incident.objects.filter(busy, pk__in=numbers)
    done = ActionRequest.objects.filter(incident__in=mine, claimed_at__gte=F("incident__opened_at"))
    found: dict[int, Acted] = {}
    for number, target, at in done.values_list("incident", "target", Coalesce("finished_at", "claimed_at")):
        one = found.setdefault(number, Acted())
        one.targets.add(target)
        one.last = max(one.last or at, at)
    for run in Run.objects.filter(incident__in=found).exclude(phase=Phase.DONE):
        found[run.incident_id].before.update(name_of_key(key) for key in run.case.before)
    return found


def _may(move: Move, groups: Sequence[Group], acted: Mapping[int, Acted], graph: SystemGraph) -> bool:
    """An incident of its own only beside another that keeps its explanation, or was acted on for it. While an effect is
    under way or being measured only what has a cause of its own, on a part that what was acted on bears nothing on, is
    taken away, and nothing is brought."""
    if move.to in acted or move.source is None:
        return False
    if (done := acted.get(move.source)) is None:
        return move.to is not None or any(g.incident == move.source and g.opens for g in groups)
    return bool(move.cause) and not done.touched(graph) & {*graph.members(move.component)}
