"""What the records say of one run: incidents, diagnoses, hand-overs, claims and effects since the fault was put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from actions.models import ActionRequest, Status
from chaos.alterations import Touched
from chaos.faults.base import Fault
from chaos.gameday import BY
from chaos.gameday.grading import Act, Record, Said
from chaos.scorecard import opened_since, the_one
from incidents.facts import HandedOver, Measured, Moved, Planned, Weighed
from incidents.findings import NONE, Finding
from incidents.models import Incident, State, TimelineEvent
from incidents.verdict import ACT_AT
from systems.models import ChangeRow, System
from systems.state.ledger import change_of

EFFECTIVE = (Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN, Status.ROLLED_BACK)
WRITTEN = ("config", "env", "release")  # as effects and as changes call them
SHOWN = 5


def record(fault: Fault, system: System, injected_at: datetime, *, alone: bool = True) -> Record:
    """The measured part (`looks`, `whole`, `planted_lost`) is the caller's. `alone`: no other fault was put in, so that
    whatever was said first counts, of whichever incident."""
    opened = list(opened_since(system, injected_at))
    best = the_one(fault, system, opened)
    found = Record(injected_at.timestamp(), acts=acts_since(system, injected_at))
    found.paths = _of(opened, injected_at, Planned).filter(data__what="taken").count()
    if best is None:
        others = ", ".join(f"#{i.number}" for i in opened[:SHOWN])
        found.note = f"only incidents about something else: {others}" if others else ""
        return found
    found.opened_at, found.incident = best.opened_at.timestamp(), best.number
    found.severity, found.category = best.severity, best.category
    found.first = first_said(opened if alone else [best], injected_at)
    found.last = _last(best)
    found.handed_over = _handed_over(best, injected_at)
    found.recovered = _recovered(best, injected_at)
    found.note = best.diagnosis or "unknown"
    return found


def first_said(incidents: Sequence[Incident], since: datetime) -> Said | None:
    """The first diagnosis since that was called the cause, of any of them."""
    for event in _of(incidents, since, Weighed, Planned).order_by("at", "pk"):
        said = event.facts
        leads = said.hypotheses if isinstance(said, Weighed) else [said.finding]  # type: ignore[attr-defined]
        lead = next((f for f in leads if f is not None and f.key != NONE), None)
        if lead is not None and (lead.stated or lead.probability >= ACT_AT):
            return _said(lead, event.at)
    return None


def _last(incident: Incident) -> Said | None:
    """The diagnosis as it stands; None where none is called the cause."""
    if not incident.cause:
        return None
    same = (f for f in incident.hypotheses if (f.component, f.cause) == (incident.component, incident.cause))
    lead = next(same, None)
    return Said(
        incident.component, incident.cause, incident.detail, incident.confidence,
        blames=_blamed(lead.change_id) if lead is not None else None,
    )  # fmt: skip


def _handed_over(incident: Incident, since: datetime) -> Said | None:
    """The part that a person was called to: that of the diagnosis, else of the best guess. None: nobody was called."""
    event = _of([incident], since, HandedOver).order_by("-seq").first()
    if event is None:
        return None
    facts = event.facts
    guesses = facts.findings if isinstance(facts, HandedOver) else []
    lead = next((f for f in guesses if f.component), None)
    if lead is None:
        return Said("", at=event.at.timestamp())
    sure = lead.stated or lead.probability >= ACT_AT
    said = _said(lead, event.at)
    return said if sure else Said(said.component, at=said.at)


def _recovered(incident: Incident, since: datetime) -> list[float]:
    """When the product itself said that it was over."""
    found = []
    for event in _of([incident], since, Measured, Moved).exclude(actor=BY).order_by("seq"):
        facts = event.facts
        over = isinstance(facts, Measured) and facts.outcome == "recovered"
        if isinstance(facts, Moved):  # one that became part of another is not over
            over = facts.to == State.RESOLVED and not facts.person and facts.merged_into is None
        if over:
            found.append(event.at.timestamp())
    return found


def acts_since(system: System, since: datetime) -> list[Act]:
    """Every effect since, in order; what took one back stands with that one."""
    run = ActionRequest.objects.filter(
        system=system, claimed_at__gte=since, undo_of=None, status__in=EFFECTIVE
    ).select_related("decision")
    undone = set(
        ActionRequest.objects.filter(undo_of__in=run, status=Status.SUCCEEDED).values_list(
            "undo_of", flat=True
        )
    )
    return [_act(request, request.pk in undone) for request in run.order_by("claimed_at")]


def _act(request: ActionRequest, undone: bool) -> Act:
    approved = request.risk == "high" and getattr(getattr(request, "decision", None), "approved", False)
    change = str(request.params.get("change", "")) if request.slug == "revert-change" else ""
    return Act(
        request.slug,
        request.target,
        request.claimed_at.timestamp() if request.claimed_at else 0.0,
        interrupts=frozenset(_named(request.effects, "restart")),
        lost=(request.result or {}).get("lost") or {},
        undoable=bool(request.preview.get("undoable", request.undo is not None)),
        undone=undone or request.status == Status.ROLLED_BACK,
        happened=request.status != Status.FAILED,
        approved=approved,
        takes_back=_blamed(change),
        writes=frozenset((part, kind) for kind in WRITTEN for part in _named(request.effects, kind)),
    )


def _named(effects: Iterable[str], verb: str) -> list[str]:
    """`restart:api-1` -> `api-1`."""
    return [rest for word, _, rest in (effect.partition(":") for effect in effects) if word == verb]


def _said(lead: Finding, at: datetime) -> Said:
    sure = None if lead.stated else lead.probability
    return Said(lead.component, lead.cause, lead.detail, sure, at.timestamp(), _blamed(lead.change_id))


def _blamed(change_id: str) -> Touched | None:
    row = ChangeRow.objects.filter(pk=int(change_id)).first() if change_id.isdecimal() else None
    return Touched(row.component, row.kind, change_of(row).thing) if row is not None else None


def _of(incidents: Sequence[Incident], since: datetime, *kinds: Any) -> QuerySet[TimelineEvent]:
    """Of one that came back, what was said before is of another fault, or of the same one put in before."""
    mine = TimelineEvent.objects.filter(incident__in=incidents, at__gte=since)
    return mine.filter(kind__in=[k.kind for k in kinds])
