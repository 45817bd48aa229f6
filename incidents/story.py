"""Everything a postmortem may be told from, as data: what a narrator is given, and all that it knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import SerializeAsAny

from incidents import changed
from incidents.changetimes import moment
from incidents.facts import Facts, Written
from incidents.figures import figures, journey_runs, windows
from incidents.findings import Evidence, Repair
from incidents.models import Incident, Symptom
from incidents.openings import Opening
from incidents.sections import Figure, Sections
from incidents.typed import Record
from incidents.verdict import Standing


class Event(Record):
    """One event of the timeline, with its facts."""

    seq: int
    at: datetime
    kind: str
    actor: str
    title: str
    facts: SerializeAsAny[Facts]


class TakenBack(Record):
    """The blamed change was put back: at what time (UTC), in what words, and by whom: "ours", "person" or "" (not
    known). `over`: whether the trouble ended after it."""

    at: datetime
    words: str
    actor: str = ""
    over: bool = False


class Cause(Record):
    """What is held to be the cause, as `Incident.verdict` has it; `pro` and `con` of what leads, strongest first.
    `change`: the change that what leads blames, with its time."""

    standing: Standing
    headline: str
    words: str
    diagnosis: str = ""
    confidence: float | None = None
    pro: list[Evidence] = []
    con: list[Evidence] = []
    repaired: list[Repair] = []
    change: str = ""
    taken_back: TakenBack | None = None

    @property
    def is_known(self) -> bool:
        return self.standing in ("known", "stated")


class Story(Record):
    """One incident from its first symptom to its end. Times are UTC; those of one that came back, and what was measured
    of it, are of the last time."""

    number: int
    cause: Cause
    events: list[Event]
    could_not: list[str] = []  # customer journeys that failed
    failed_runs: int = 0
    runs: int = 0  # measured runs of customer journeys while it was ill
    ill_from: datetime
    green: datetime | None = None  # None while it is not over
    figures: list[Figure] = []
    openings: list[Opening] = []  # earlier times that it was open, before it came back


Narrate = Callable[[Story], Sections]


def of(incident: Incident) -> Story:
    """The incident as it is known now; its figures are measured now."""
    symptoms = list(Symptom.objects.filter(incident=incident).order_by("first_seen"))
    events = incident.events.exclude(kind=Written.kind).order_by("seq")
    failed, runs = journey_runs(incident)
    spans = windows(incident)
    return Story(
        number=incident.number,
        cause=_cause(incident, spans.green),
        events=[
            Event(seq=e.seq, at=e.at, kind=e.kind, actor=e.actor, title=e.title, facts=e.facts)
            for e in events
        ],
        could_not=sorted({s.label for s in symptoms if s.signal == "journey_failed" and s.label}),
        failed_runs=failed,
        runs=runs,
        ill_from=spans.ill_from,
        green=spans.green,
        figures=figures(incident, symptoms),
        openings=incident.openings,
    )


def _cause(incident: Incident, green: datetime | None) -> Cause:
    verdict = incident.verdict
    lead = verdict.bars[0] if verdict.bars else None
    blames = lead is not None and not lead.refuted and bool(lead.change_id)
    return Cause(
        standing=verdict.standing,
        headline=verdict.headline,
        words=verdict.cause,
        diagnosis=verdict.diagnosis,
        confidence=verdict.confidence,
        pro=lead.pro if lead else [],
        con=lead.con if lead else [],
        repaired=verdict.repaired,
        change=changed.named(incident, lead.change_id) if lead and blames else "",
        taken_back=_taken_back(incident, lead.change_id, green) if lead and blames else None,
    )


def _taken_back(incident: Incident, change_id: str, green: datetime | None) -> TakenBack | None:
    found = changed.taken_back(incident, change_id)
    if found is None:
        return None
    over = green is not None and found.last_old <= green
    return TakenBack(at=moment(found), words=found.words, actor=found.actor, over=over)


def ending(incident: Incident) -> str:
    """For the title of its end: that it was over after the suspected change was taken back; "" otherwise."""
    back = _cause(incident, windows(incident).green).taken_back
    return f"the suspected change was taken back before it: {back.words}" if back and back.over else ""
