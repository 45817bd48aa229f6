"""Symptoms open incidents, or join the one that is open.

Which one: services that depend on each other, directly or not, share an incident at first, because a fault of one shows
on the others. So the fingerprint is the connected part of the dependency graph, and the database allows one open
incident for each; what turns out to be another trouble in the same part gets one beside it (regroup.py), whose
fingerprint is `part~service`. Trouble that comes back after an incident was resolved opens a new one, which says what
it follows, for its cause is not known yet; once it is, and is the same, it is that incident again (returned.py).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from incidents import live, timeline
from incidents.facts import Cleared, Moved, Seen, Unread
from incidents.findings import Named, Repair
from incidents.gravity import RANK, felt_by_users, severity_of, worsen
from incidents.models import OPEN_STATES, Incident, Severity, State, Symptom, TimelineEvent
from incidents.signals import CATALOG

log = logging.getLogger(__name__)

BESIDE = "~"  # between the part and the service of an incident beside another
FOLLOWS_WITHIN = timedelta(minutes=2)
CONTEXT_WITHIN = timedelta(seconds=60)  # a change this long before may belong to the trouble
# What a symptom tells of where the trouble is, by what it is a sign of.
TELLS = {"own": 4, "refuses": 3, "fails": 2, "slow": 2, "flow": 2, "starves": 1, "words": 0}

# Called with the number of each newly opened incident, after the commit; a failing one does not stop the others.
on_opened: list[Callable[[int], None]] = []


def open_or_join(system_id: int, fingerprint: str, symptoms: Sequence[Symptom]) -> Incident | None:
    """Attach new symptoms to the open incident of `fingerprint`, opening it when there is none.

    None when none is open and none of the symptoms may open one by itself."""
    recent = timezone.now() - CONTEXT_WITHIN
    symptoms = [s for s in symptoms if s.opens or s.first_seen >= recent or _lasts(s)]  # else it is no news
    if not symptoms:
        return None
    with transaction.atomic():
        incident, opened = _open_one(system_id, fingerprint, symptoms), False
        if incident is None:
            if not any(s.opens for s in symptoms):
                return None
            incident, opened = _insert(system_id, fingerprint, symptoms)
        _attach(incident, symptoms)
        if opened:
            number = incident.number
            transaction.on_commit(lambda: _announce(number))
        live.publish("dashboard", {"kind": "incident", "number": incident.number, "state": incident.state})
    return incident


def open_beside(source: Incident, symptoms: Sequence[Symptom]) -> Incident:
    """An incident of their own for symptoms of `source`, in the same part. The caller holds the transaction."""
    part = source.fingerprint.partition(BESIDE)[0]
    fingerprint = f"{part}{BESIDE}{leading(symptoms).service}"
    incident, opened = _insert(source.system_id, fingerprint, symptoms)
    if opened:
        number = incident.number
        transaction.on_commit(lambda: _announce(number))
    live.publish("dashboard", {"kind": "incident", "number": incident.number, "state": incident.state})
    return incident


def _open_one(system_id: int, fingerprint: str, symptoms: Sequence[Symptom]) -> Incident | None:
    """The open incident, locked so that it cannot be resolved while a symptom joins. Of several in one part the one
    that has trouble of the same services already, then the newest: the next looks put right what that gets wrong."""
    rows = Incident.objects.select_for_update(of=("self",)).filter(system_id=system_id, state__in=OPEN_STATES)
    found = list(rows.filter(Q(fingerprint=fingerprint) | Q(fingerprint__startswith=fingerprint + BESIDE)))
    if len(found) > 1:
        services = {s.service for s in symptoms}
        theirs = Symptom.objects.filter(incident__in=[f.pk for f in found], service__in=services)
        shared = Counter(theirs.values_list("incident_id", flat=True))
        found.sort(key=lambda i: (-shared[i.number], -i.number))
    if found:
        return found[0]
    # A person has said that this part's trouble is part of another incident: while that is open, it still is.
    merged = Incident.objects.filter(system_id=system_id, fingerprint=fingerprint).exclude(merged_into=None)
    return rows.filter(pk__in=merged.values("merged_into")).first()


def _insert(system_id: int, fingerprint: str, symptoms: Sequence[Symptom]) -> tuple[Incident, bool]:
    """INSERT ... ON CONFLICT DO NOTHING on the partial unique index: of many at once, one opens and the rest join."""
    first = min(s.first_seen for s in symptoms if s.opens)
    lead = leading(symptoms)
    Incident.objects.bulk_create(
        [
            Incident(
                system_id=system_id,
                fingerprint=fingerprint,
                title=lead.title[:300],
                severity=severity_of(symptoms),
                category=category_of(lead),
                started_at=first,
                summary=lead.title,
                last_seq=0,
            )
        ],
        ignore_conflicts=True,
    )
    incident = _open_one(system_id, fingerprint, symptoms)
    if incident is None:  # opened by another and resolved at once: the next tick tries again
        raise Incident.DoesNotExist("the incident closed while a symptom was joining it")
    opened = incident.last_seq == 0
    if opened:
        _note_opening(incident)
    return incident, opened


def _note_opening(incident: Incident) -> None:
    since = timezone.now() - FOLLOWS_WITHIN
    before = (
        Incident.objects.filter(system_id=incident.system_id, fingerprint=incident.fingerprint)
        .filter(state=State.RESOLVED, resolved_at__gte=since)
        .first()
    )
    facts = Moved(to=State.DETECTING.value, follows=before.number if before is not None else None)
    title = f"Opened: {incident.title}" + (f" (soon after #{before.number})" if before is not None else "")
    timeline.record(incident.number, facts, title, actor="watcher")


def _attach(incident: Incident, symptoms: Sequence[Symptom]) -> None:
    """Make the symptoms the incident's and tell its timeline of those that are new to it, or back."""
    fresh = [s for s in symptoms if s.incident_id != incident.number]
    Symptom.objects.filter(pk__in=[s.pk for s in fresh]).update(incident=incident)
    _record_all(incident.number, Seen, fresh)
    back = [s for s in symptoms if s.incident_id == incident.number]
    _record_all(incident.number, Seen, back, "Back: ", back=True)
    for symptom in fresh:
        symptom.incident = incident
    refresh_head(incident)


def note_back(incident: Incident) -> None:
    """Tell its timeline which symptoms hold now that it has come back. The caller holds the transaction."""
    active = Symptom.objects.filter(incident=incident, cleared_at=None)
    _record_all(incident.number, Seen, list(active), "Back: ", back=True)
    refresh_head(incident)


def note_cleared(symptoms: Sequence[Symptom]) -> None:
    """Tell the timelines which symptoms stopped holding or cannot be read any more, and bring the open incidents' heads
    up to date."""
    by_incident: dict[int, list[Symptom]] = {}
    # whose it is now: a merge may have moved it since the watcher loaded it
    owners = dict(Symptom.objects.filter(pk__in=[s.pk for s in symptoms]).values_list("pk", "incident_id"))
    for symptom in symptoms:
        if (number := owners.get(symptom.pk)) is not None:
            by_incident.setdefault(number, []).append(symptom)
    for number, cleared in sorted(by_incident.items()):
        with transaction.atomic():
            incident = Incident.objects.select_for_update(of=("self",)).get(pk=number)
            if incident.is_open:
                _record_all(number, Cleared, [s for s in cleared if not s.given_up], "Over: ")
                _record_all(number, Unread, [s for s in cleared if s.given_up], "Cannot be read any more: ")
                refresh_head(incident)


def _record_all(
    number: int, of: type[Seen], symptoms: Sequence[Symptom], before: str = "", *, back: bool = False
) -> None:
    """One event per telling symptom, in one insert. The caller holds the transaction."""
    symptoms = [s for s in symptoms if s.opens or _is_told(s)]
    if not symptoms:
        return
    first = timeline.take_numbers(number, len(symptoms))
    TimelineEvent.objects.bulk_create(
        [
            TimelineEvent(
                incident_id=number,
                seq=first + index,
                kind=of.kind,
                actor="watcher",
                title=before + symptom.title,
                body=symptom.text,
                data=_facts(of, symptom, back).stored(),
            )
            for index, symptom in enumerate(symptoms)
        ]
    )
    timeline.announce(number, first + len(symptoms) - 1, of.kind)


def _is_told(symptom: Symptom) -> bool:
    """Context worth a line of the timeline: something was changed, or holds for whatever comes."""
    return _lasts(symptom) or (symptom.signal in CATALOG and CATALOG[symptom.signal].changed)


def _lasts(symptom: Symptom) -> bool:
    return symptom.signal in CATALOG and CATALOG[symptom.signal].lasting


def _facts(of: type[Seen], symptom: Symptom, back: bool) -> Seen:
    return of(
        symptom=symptom.pk,
        signal=symptom.signal,
        service=symptom.service,
        label=symptom.label,
        value=symptom.value,
        first_seen=symptom.first_seen,
        opens=symptom.opens,
        back=back,
    )


def refresh_head(incident: Incident) -> None:
    """Severity, and until there is a diagnosis title and category, as the active symptoms have it."""
    active = list(Symptom.objects.filter(incident=incident, cleared_at__isnull=True))
    if not any(s.opens for s in active):
        return
    values: dict[str, Any] = {}
    # It may get worse than first thought; calming down is for the agent or a person to say.
    worsen(incident, felt_by_users(incident) if incident.cause else severity_of(active))
    if not incident.cause:
        lead = leading(active)
        values |= {"title": lead.title[:300], "summary": lead.title, "category": category_of(lead)}
    changed = {name: value for name, value in values.items() if getattr(incident, name) != value}
    if changed:
        Incident.objects.filter(pk=incident.number, cause="").update(**changed)
        for name, value in changed.items():
            setattr(incident, name, value)


def note_repair(incident_id: int, cause: Named, did: list[str], *, helped: bool) -> None:
    """Keep what measurements said of a repair: `did` for this cause helped, or did not. Said again of the same repair,
    it takes the place of what was said before."""
    named = {name: getattr(cause, name) for name in Named.model_fields}
    with transaction.atomic():
        row = Incident.objects.select_for_update(of=("self",)).only("repairs").get(pk=incident_id)
        returned = max((r.returned for r in row.repairs if r.key == cause.key), default=0)
        entry = Repair(**named, did=did, helped=helped, returned=returned)
        others = [r for r in row.repairs if (r.key, r.did) != (entry.key, did)]
        row.repairs = [*others, entry]
        row.save(update_fields=["repairs"])


def leading(symptoms: Iterable[Symptom]) -> Symptom:
    """The symptom that tells most: those that may open an incident first; of these a part's own state, or its own words
    for it, before how it treats others; then the gravest, the rarest, the first."""

    def weight(symptom: Symptom) -> tuple[bool, int, int, float, float, str]:
        signal = CATALOG.get(symptom.signal)
        tells = 0 if signal is None else TELLS["own" if signal.outright else signal.klass]
        return (
            symptom.opens,
            tells,
            RANK[Severity(symptom.severity)],
            -signal.leak if signal else 0.0,
            -symptom.first_seen.timestamp(),
            symptom.signal,
        )

    return max(symptoms, key=weight)


def category_of(symptom: Symptom) -> str:
    signal = CATALOG.get(symptom.signal)
    return signal.category if signal else ""


def _announce(number: int) -> None:
    for hook in on_opened:
        try:
            hook(number)
        except Exception:
            log.exception("a hook on the opening of #%s failed", number)
