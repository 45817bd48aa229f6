"""What changed around an incident: shortly before its onset, and since then, where it may matter to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from incidents.changetimes import moment, when
from incidents.models import Incident
from systems.graph import SystemGraph
from systems.manifest import ManifestError
from systems.models import ChangeRow
from systems.services import UnknownSystem, load
from systems.state import ledger
from systems.state.types import Change

SHORTLY = timedelta(minutes=30)  # before the onset
MOST = 40  # of each list
POINTS_AT = 0.2  # a diagnosis that holds a change for less probable does not point there
SLOTS = 60  # a time axis has at most so many marks
NAMED = 4  # changes of one mark that are told one by one
RIGHT = "systems.view_changes"


@dataclass(frozen=True, slots=True)
class Near:
    """A change beside an onset. `apart_s`: how long before it, negative after. `suspected`: how probable what blames
    this change is held to be (0..1), None: nothing blames it."""

    change: Change
    apart_s: float
    suspected: float | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """The changes around an incident, newest first, those the diagnosis blames before the others. `more`: how many of
    `before` and `after` are left out; `elsewhere`: how many of parts that it does not reach, in the same time."""

    since: datetime
    onset: datetime
    until: datetime
    before: list[Near] = field(default_factory=list)
    after: list[Near] = field(default_factory=list)
    more_before: int = 0
    more_after: int = 0
    elsewhere: int = 0

    @property
    def minutes(self) -> int:
        return round((self.onset - self.since).total_seconds() / 60)


def shown_to(user: Any, incident: Incident) -> Around | None:
    """What a person may see of it; None without the right."""
    if not user.has_perm(RIGHT):
        return None
    try:
        graph = load(incident.system.slug).graph
    except (ManifestError, UnknownSystem, OSError):
        graph = None
    return around(incident, graph)


def around(incident: Incident, graph: SystemGraph | None) -> Around:
    """From half an hour before the first symptom until it was over, or until now. Without a graph every part counts."""
    onset, until = incident.started_at, incident.resolved_at or timezone.now()
    since = onset - SHORTLY
    blamed = suspects(incident)
    reached = reach(incident, graph)
    every = {c.id: c for c in ledger.changes_between(incident.system_id, since, onset)}
    every |= {c.id: c for c in ledger.changes_between(incident.system_id, onset, until)}
    every |= _other(incident, blamed.keys() - every.keys())
    mine = [c for c in every.values() if reached is None or c.component in reached or c.id in blamed]
    before = _near([c for c in mine if c.last_old <= onset], onset, blamed)
    after = _near([c for c in mine if c.last_old > onset], onset, blamed)
    return Around(
        since, onset, until, before[:MOST], after[:MOST],
        max(0, len(before) - MOST), max(0, len(after) - MOST), len(every) - len(mine),
    )  # fmt: skip


def _near(changes: Iterable[Change], onset: datetime, blamed: Mapping[str, float]) -> list[Near]:
    found = [Near(c, (onset - moment(c)).total_seconds(), blamed.get(c.id)) for c in changes]
    return sorted(found, key=lambda n: (n.suspected is None, -(n.suspected or 0.0), n.apart_s))


def suspects(incident: Incident) -> dict[str, float]:
    """Id of each change that the diagnosis blames -> how probable that is held to be; not what it hardly thinks of."""
    found: dict[str, float] = {}
    for bar in incident.verdict.bars:
        if bar.change_id and not bar.refuted and bar.probability >= POINTS_AT:
            found[bar.change_id] = max(bar.probability, found.get(bar.change_id, 0.0))
    return found


def _other(incident: Incident, ids: Iterable[str]) -> dict[str, Change]:
    """What is blamed and lies farther back."""
    wanted = [int(i) for i in ids if i.isascii() and i.isdigit() and len(i) < 19]
    rows = ChangeRow.objects.filter(system_id=incident.system_id, pk__in=wanted) if wanted else []
    return {str(row.pk): ledger.change_of(row) for row in rows}


def named(incident: Incident, change_id: str) -> str:
    """A change in words, with its time and day; empty when it is not known, or not kept any more."""
    found = _other(incident, [change_id]).get(change_id)
    return f"{found.words}, {when(found)}" if found else ""


def taken_back(incident: Incident, change_id: str) -> Change | None:
    """The change by which what this one made was put back, after the trouble began; None while it stands, or where
    the ledger cannot tell. Values that are masked are told apart by their keyed marks."""
    if not (change_id.isascii() and change_id.isdigit() and len(change_id) < 19):
        return None
    mine = ChangeRow.objects.filter(system_id=incident.system_id)
    blamed = mine.filter(pk=int(change_id)).first()
    if blamed is None or (blamed.before, blamed.mark_before) == (blamed.after, blamed.mark_after):
        return None
    later = mine.filter(
        component=blamed.component, kind=blamed.kind, what=blamed.what, area=blamed.area, after=blamed.before,
        mark_after=blamed.mark_before, first_new__gt=blamed.first_new, first_new__gte=incident.started_at,
    )  # fmt: skip
    found = later.order_by("first_new", "pk").first()
    return ledger.change_of(found) if found else None


def reach(incident: Incident, graph: SystemGraph | None) -> set[str] | None:
    """Where a cause could be: the parts with symptoms and the suspected one, all they need, their neighbours, what
    carries their calls, and the groups and the system these belong to. None: anywhere."""
    if graph is None:
        return None
    names = {*incident.symptoms.values_list("service", flat=True), incident.verdict.component}
    ill = {member for name in names for member in graph.members(name)}
    if not ill:
        return None
    found = ill | set(graph.dependencies(sorted(ill))) | graph.near(ill, 1)
    found |= {carrier for name in found for carrier in graph.links.get(name, ())}
    return found | {graph.component(name) for name in found} | {incident.system.slug}


def marks(around: Around, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """For a plot: {"at", "text", "suspected"}, oldest first; see `marked`."""
    near = [*around.before, *around.after]
    blamed = {n.change.id for n in near if n.suspected is not None}
    return [
        {
            "at": moment(group[0]).isoformat(),
            "text": told(group),
            "suspected": any(c.id in blamed for c in group),
        }
        for group in marked([n.change for n in near], start, end)
    ]


def marked(changes: Iterable[Change], start: datetime, end: datetime) -> list[list[Change]]:
    """The changes from `start` to `end` for an axis of that length, oldest first: what would lie on each other is one
    mark, so that there are at most `SLOTS` and the last."""
    apart = (end - start) / SLOTS
    found: list[list[Change]] = []
    for change in sorted((c for c in changes if start <= moment(c) <= end), key=moment):
        if found and moment(change) - moment(found[-1][0]) < apart:
            found[-1].append(change)
        else:
            found.append([change])
    return found


def told(changes: Sequence[Change]) -> list[str]:
    """One line for each change of a mark, as many as can be read at a glance."""
    now = timezone.now()
    lines = [f"{when(c, now)}: {c.words}" for c in changes[:NAMED]]
    return [*lines, f"and {len(changes) - NAMED} more"] if len(changes) > NAMED else lines
