"""Carry out what the look at a system found: symptoms go to the incident that explains them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from incidents import lifecycle, service, timeline
from incidents.explained import Move, Name
from incidents.facts import Moved, Noted
from incidents.lifecycle import IllegalTransition
from incidents.models import OPEN_STATES, Incident, State, Symptom

AGENT = "agent"
SHOWN = 10  # symptoms named in an event


def carry_out(move: Move) -> int | None:
    """Move the symptoms. Returns the incident that has them now; None when something has changed meanwhile."""
    assert move.source is not None
    with transaction.atomic():
        wanted = [n for n in (move.source, move.to) if n is not None]
        rows = Incident.objects.select_for_update(of=("self",)).filter(pk__in=wanted, state__in=OPEN_STATES)
        found = {row.number: row for row in rows.order_by("number")}
        if len(found) < len(wanted):
            return None
        symptoms = _theirs(move.source, move.names)
        if not any(s.opens for s in symptoms):
            return None
        source = found[move.source]
        target = found[move.to] if move.to is not None else service.open_beside(source, symptoms)
        _hand(source, target, symptoms)
        return target.number


def _theirs(number: int, names: frozenset[Name]) -> list[Symptom]:
    rows = Symptom.objects.filter(incident=number, cleared_at=None)
    return [r for r in rows if (r.signal, r.service, r.label) in names]


def _hand(source: Incident, target: Incident, symptoms: Sequence[Symptom]) -> None:
    titles = [s.title for s in symptoms if s.opens][:SHOWN]
    Symptom.objects.filter(pk__in=[s.pk for s in symptoms]).update(incident=target)
    told = "; ".join(titles)
    facts = Noted(beside=target.number, symptoms=titles)
    title = f"Another trouble, now #{target.number}: {titles[0]}"
    timeline.record(source.number, facts, title, body=told, actor=AGENT)
    facts, title = (
        Noted(beside=source.number, symptoms=titles),
        f"It was part of #{source.number}: {titles[0]}",
    )
    timeline.record(target.number, facts, title, body=told, actor=AGENT)
    for one in (source, target):
        one.refresh_from_db()
        service.refresh_head(one)
    _merge_if_empty(source, target)


def _merge_if_empty(source: Incident, target: Incident) -> None:
    """What keeps no symptom that holds, and has done nothing, is part of the other."""
    if source.symptoms.filter(cleared_at=None, opens=True).exists() or source.action_requests.exists():
        return
    title = f"Part of #{target.number}: one cause explains both"
    facts = Moved(merged_into=target.number)
    try:
        done = lifecycle.transition(source.number, State.RESOLVED, actor=AGENT, title=title, facts=facts)
    except IllegalTransition:
        return
    if done is not None:
        Symptom.objects.filter(incident=source).update(incident=target)
        Incident.objects.filter(pk=source.number).update(merged_into=target)
