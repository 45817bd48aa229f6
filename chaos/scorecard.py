"""Which incident is about which fault, after the fact; and the row of one run. Graded in chaos/gameday/grading.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chaos.faults.base import Fault
from chaos.models import Injection
from chaos.registry import find, known
from chaos.site import names_in
from incidents.models import Incident, Symptom
from incidents.openings import Opening
from systems.manifest import ManifestError
from systems.models import System
from systems.services import UnknownSystem, load

LATE = timedelta(seconds=60)  # a fault that was taken back may still be noticed so long after


@dataclass
class Row:
    """One fault (or a pair, `a+b`), one seed. Seconds count from the injection; None = did not happen, or does not
    apply. `component_ok`, `cause_ok`, `category_ok`: of the last diagnosis; `severity_ok`: as the users felt it."""

    fault: str
    category: str
    seed: int
    mode: str = "plain"
    detected: bool = False
    detect_s: float | None = None
    component_ok: bool = False
    cause_ok: bool = False
    fixed: bool = False
    repair_s: float | None = None
    paths: int = 0
    approvals: int = 0
    collateral: list[str] = field(default_factory=list)
    first_component_ok: bool = False
    first_cause_ok: bool = False
    culprit_ok: bool | None = None
    category_ok: bool | None = None
    severity_ok: bool | None = None
    confidence: float | None = None
    wrong_actions: list[str] = field(default_factory=list)
    data_lost: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    false_recovery: bool = False
    needless_handover: bool = False
    outcome: str = ""
    note: str = ""
    incident_number: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Brought:
    """What an injection brought about: an incident, and which of the times that it was open."""

    incident: Incident
    opening: Opening


def about(system: System, injections: Iterable[Injection]) -> dict[Any, Brought]:
    """Which incident each injection brought about, by the injection's id; none where none is about it.

    Several may be open near a fault: the time counts from a press to the incident about it, never to the newest, nor to
    whichever came first."""
    presses = [i for i in injections if i.status != Injection.Status.FAILED and known(i.fault)]
    if not presses:
        return {}
    since = min(i.started_at for i in presses)
    opened = list(opened_since(system, since))
    found = {}
    for press in presses:
        until = press.reverted_at + LATE if press.reverted_at else None
        mine = {i: o for i in opened if (o := _opening(i, press.started_at, until)) is not None}
        if (incident := the_one(find(press.fault), system, list(mine))) is not None:
            found[press.pk] = Brought(incident, mine[incident])
    return found


def _opening(incident: Incident, since: datetime, until: datetime | None) -> Opening | None:
    """The first time that it was opened between the two."""
    mine = (
        o for o in incident.all_openings if since <= o.opened_at and (until is None or o.opened_at <= until)
    )
    return next(mine, None)


def the_one(fault: Fault, system: System, opened: Sequence[Incident]) -> Incident | None:
    """Of incidents that opened after the fault was put in, the one about it; the earliest of equally good ones."""
    here, callers = reach(fault, system)
    ranked = [(rank, i) for i in opened if (rank := _rank(i, here, callers))]
    return max(ranked, key=lambda r: (r[0], -r[1].number))[1] if ranked else None


def _rank(incident: Incident, here: set[str], callers: set[str]) -> int:
    """3: diagnosed where the fault is. 2: something is seen there. 1: not diagnosed, and all that is seen are callers'
    symptoms, which may come from there. 0: about something else."""
    seen = {s.service for s in incident.symptoms.all() if s.opens and not _is_over_before(s, incident)}
    if incident.component in here:
        return 3
    if seen & here:
        return 2
    return int(bool(seen) and not incident.component and seen <= callers)


def _is_over_before(symptom: Symptom, incident: Incident) -> bool:
    """Whether it is of an earlier time that the incident was open."""
    return symptom.cleared_at is not None and symptom.cleared_at < incident.started_at


def reach(fault: Fault, system: System) -> tuple[set[str], set[str]]:
    """The parts a fault is in, with the groups they belong to, and whoever needs them; as the system calls them."""
    here = set(
        map(names_in(Path(system.manifest_path).parent).word, (*fault.targets, *fault.expected.components))
    )
    try:
        loaded = load(system.slug)
    except (ManifestError, UnknownSystem, OSError):
        return here, set()
    for group, members in loaded.graph.groups.items():
        if group in here:
            here |= set(members)
        elif here & set(members):
            here.add(group)
    return here, loaded.graph.callers(sorted(here)).keys() - here


def opened_since(system: System, since: datetime) -> Iterable[Incident]:
    found = Incident.objects.filter(system=system, opened_at__gte=since)
    return found.order_by("number").prefetch_related("symptoms")
