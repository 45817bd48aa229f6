"""Trouble that comes back: the same explanation soon after an incident was resolved is that incident again.

What is noticed opens an incident of its own at first, for its cause is not known yet. Once it is, the new one becomes
part of the old one, which is opened again: its history is kept, its times are those of this opening (openings.py), and
what had helped is known not to have held.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from incidents import lifecycle, service
from incidents.facts import Moved
from incidents.findings import NONE, Finding, Repair
from incidents.models import Incident, State, Symptom
from incidents.openings import Opening
from incidents.service import leading
from incidents.verdict import ACT_AT

WITHIN = timedelta(minutes=10)
CHANGE = "change"  # the cause that a change is by itself; what was changed is its detail
JOURNEY = "journey_failed"
ALIKE = 0.5  # share of their symptoms that two incidents without a cause have in common
NEW = frozenset({State.DETECTING, State.DIAGNOSING})


def before(incident: Incident, *, over: bool = False) -> Incident | None:
    """The resolved incident that this one is again; None when it is another trouble, or nothing can be said yet.

    `over`: it went away before it had a cause; then the symptoms must do. The newest of several."""
    if not _is_new(incident):
        return None
    old = Incident.objects.filter(system=incident.system_id, state=State.RESOLVED, merged_into=None)
    old = old.filter(resolved_at__gte=incident.started_at - WITHIN, opened_at__lt=incident.opened_at)
    lead = explanation(incident)
    for one in old.order_by("-resolved_at"):
        if _is_of_another(incident, one):
            continue
        theirs = explanation(one)
        if lead is not None and lead == theirs:
            return one
        if lead is None and (over or theirs is None) and _looks_alike(incident, one):
            return one
    return None


def explanation(incident: Incident) -> tuple[str, str, str] | None:
    """(component, cause, what was changed or is said) of what is held to be the cause; None while it is not known."""
    lead = next((f for f in incident.hypotheses if f.key != NONE), None)
    if lead is None or not (lead.stated or lead.probability >= ACT_AT):
        return None
    return (lead.component, lead.cause, lead.detail if _is_told_by_detail(lead) else "")


def _is_told_by_detail(lead: Finding) -> bool:
    return lead.stated or lead.cause == CHANGE


def _is_new(incident: Incident) -> bool:
    return State(incident.state) in NEW and not (
        incident.agent_stopped or incident.reopened or incident.openings
    )


def _looks_alike(one: Incident, other: Incident) -> bool:
    """Whether the same part shows the same first of all, and most of the rest is the same. That customers cannot do
    something says nothing of which trouble it is."""
    mine, theirs = _opening(one), _opening(other)
    if not mine or not theirs:
        return False
    first, second = leading(mine), leading(theirs)
    if (first.signal, first.service) != (second.signal, second.service) or first.signal == JOURNEY:
        return False
    a, b = ({(s.signal, s.service, s.label) for s in rows} for rows in (mine, theirs))
    return len(a & b) >= ALIKE * len(a | b)


def _is_of_another(one: Incident, other: Incident) -> bool:
    """Whether both show the same sign on the same part, each of another thing there: another path, queue or volume. The
    cause may have the same name, and is another trouble."""
    mine, theirs = _labels(one), _labels(other)
    return any(mine[name].isdisjoint(theirs[name]) for name in mine.keys() & theirs.keys())


def _labels(incident: Incident) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for row in incident.symptoms.filter(opens=True).exclude(signal=JOURNEY).exclude(label=""):
        found.setdefault((row.signal, row.service), set()).add(row.label)
    return found


def _opening(incident: Incident) -> list[Symptom]:
    """What opened it, this time."""
    return [s for s in incident.symptoms.filter(opens=True) if s.first_seen >= incident.started_at]


def open_again(old: int, new: int) -> Incident | None:
    """Make #`new` part of #`old`, which is open again: symptoms and requests follow, and what helped has not held.

    One transaction over both rows; the caller moves the run. None when one of them is not what it was any more."""
    with transaction.atomic():
        both = Incident.objects.select_for_update(of=("self",)).filter(pk__in=[old, new])
        rows = {row.number: row for row in both.order_by("number")}
        if len(rows) < 2 or rows[old].is_open or rows[old].merged_into_id or not _is_new(rows[new]):
            return None
        was, now = rows[old], rows[new]
        part = Moved(merged_into=old)
        lifecycle.transition(new, State.RESOLVED, title=f"The same as #{old}, which came back", facts=part)
        Incident.objects.filter(Q(pk=new) | Q(merged_into=new)).update(merged_into=old)
        Symptom.objects.filter(incident=new).update(incident=old)
        now.action_requests.update(incident=old)
        _reopen(was, now)
        found = Incident.objects.select_related("system").get(pk=old)
        service.note_back(found)
    return found


def _reopen(was: Incident, now: Incident) -> None:
    """The old row takes over the times and the place of the new one, which holds neither any more."""
    over = Opening(
        started_at=was.started_at, opened_at=was.opened_at, resolved_at=was.resolved_at, back_as=now.number
    )
    openings = [*was.openings, over]
    quiet = _words(max(0.0, (now.started_at - was.resolved_at).total_seconds())) if was.resolved_at else ""
    times = f", {len(openings)} times by now" if was.openings else ""
    title = f"Came back {quiet} after it was over{times}: {now.title}"
    values = {
        "openings": openings,
        "started_at": now.started_at,
        "opened_at": now.opened_at,
        "fingerprint": now.fingerprint,
        "owner_id": now.owner_id or was.owner_id,
        "agent_stopped": False,
        "closed_by": "",
        "closing_note": "",
        "repairs": [*(_lapsed(r) if r.mended else r for r in was.repairs), *now.repairs],
    }
    if not was.severity_by:
        values |= {"severity": now.severity, "severity_by": now.severity_by}
    facts = Moved(back_as=now.number, flaps=len(openings))
    body = f"It was noticed as #{now.number}. What was done before has not held."
    lifecycle.reopen(
        was.number, State.DIAGNOSING, values=values, actor="agent", title=title[:500], body=body, facts=facts
    )


def _lapsed(repair: Repair) -> Repair:
    return repair.model_copy(update={"held": False, "returned": repair.returned + 1})


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
