"""A bundle from what the portal has stored: the ticks of a window, and what was seen, said and done in it.

Texts were redacted as they were read; on the way out they are once more, with the secrets of now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Q
from django.utils import timezone

from incidents import normal
from incidents.bundles import Bundle, BundleError, Tick, bare, folder
from incidents.bundles.thin import thin
from incidents.models import Incident, Symptom, TimelineEvent
from incidents.signals import CATALOG
from incidents.signals.judging.engine import Engine
from systems import frames, redact
from systems.models import System
from systems.readings import Reading
from systems.services import LoadedSystem, load
from systems.state import ledger
from systems.state.types import as_json, from_json

LEAD_IN = timedelta(seconds=90)  # quiet before the trouble, or what there was of it
NORMAL_FROM = timedelta(minutes=10)  # before that, from which it is learnt what is normal
LONGEST = timedelta(minutes=30)  # of trouble; what came later is cut off
BEFORE_ONSET = timedelta(seconds=2)  # the look before the first symptom's
CHANGED_FROM = timedelta(
    minutes=30
)  # before the trouble: what changed so long ago may still be what it comes from


def incident(number: int) -> tuple[System, datetime, datetime]:
    """The system of an incident, and from when to when its trouble lasted. LookupError for an unknown number."""
    found = Incident.objects.select_related("system").filter(pk=number).first()
    if found is None:
        raise LookupError(f"there is no incident #{number}")
    until = found.resolved_at or timezone.now()
    return found.system, found.started_at - BEFORE_ONSET, until


def export(
    path: Path,
    row: System,
    since: datetime,
    until: datetime,
    *,
    head: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
    small: bool = False,
) -> Bundle:
    """Write the trouble from `since` to `until` as a new folder; returns what is in it.

    `answer`: what was really wrong. `small`: without what no signal reads. BundleError when its readings are not
    kept any more, FileExistsError when the folder is there."""
    system = load(row.slug)
    hide = redact.for_system(system)
    bundle = gather(system, row.pk, since, until)
    bundle.head |= head or {}
    bundle = redacted(bundle, hide)
    if small:
        bundle = thin(bundle)
    text = bare.text_of(system.manifest, hide)
    folder.write(bundle, text, path, hide.json(answer) if answer is not None else None)
    return bundle


def gather(system: LoadedSystem, system_id: int, since: datetime, until: datetime) -> Bundle:
    """What is stored of the window."""
    start, end = since - LEAD_IN, min(until, since + LONGEST)
    kept = list(frames.between(system_id, start, end))
    if not kept or kept[-1].at < since:
        raise BundleError(
            f"no readings are kept of {since.isoformat()}: only those of the last hours are, and none of before this"
            " version"
        )
    first = kept[0].at
    ticks = [Tick((f.at - first).total_seconds(), f.readings, f.mini, f.starved) for f in kept]
    symptoms = Symptom.objects.filter(system=system_id, first_seen__lte=end)
    symptoms = symptoms.filter(Q(cleared_at=None) | Q(cleared_at__gte=since))
    numbers = {n for n in symptoms.values_list("incident_id", flat=True) if n is not None}
    events = TimelineEvent.objects.filter(incident__in=numbers, at__gte=since, at__lte=until)
    opened = Incident.objects.filter(pk__in=numbers)
    return Bundle(
        system.manifest,
        first,
        max(0.0, (since - first).total_seconds()),
        ticks,
        normal_before(system, system_id, first),
        [_symptom(s) for s in symptoms],
        [_event(e) for e in events.order_by("at", "seq")],
        ledger.changes_between(system_id, since - CHANGED_FROM, end),
        {"incidents": [_incident(i) for i in opened], "cut": end < until, "thinned": False, "zone": "UTC"},
    )


def normal_before(system: LoadedSystem, system_id: int, start: datetime) -> list[list[Any]]:
    """What is normal, learnt from the minutes before `start` as the watcher learns it; how often signs hold in peace as
    it has counted."""
    CATALOG.refresh()
    engine = Engine(system.graph, CATALOG.of(system.slug), CATALOG.words(system.slug))
    for frame in frames.between(system_id, start - NORMAL_FROM, start - timedelta(microseconds=1)):
        engine.feed(frame.at, frame.readings, full=not frame.mini, starved=frame.starved)
    counted = normal.leaks_of(normal.kept(system.slug))
    return counted + [row for row in engine.export_baselines() if row[1]]


def redacted(bundle: Bundle, hide: redact.Redactor) -> Bundle:
    """Every text without secrets."""
    known: dict[str, str] = {"": ""}

    def told(text: str) -> str:
        if text not in known:
            known[text] = hide.text(text)
        return known[text]

    for tick in bundle.ticks:
        tick.readings = [
            Reading(r.service, r.metric, r.value, told(r.text), told(r.label)) for r in tick.readings
        ]
    for name in ("normal", "symptoms", "timeline", "head"):
        setattr(bundle, name, hide.json(getattr(bundle, name)))
    bundle.changes = [from_json(hide.json(as_json(change))) for change in bundle.changes]
    return bundle


def _symptom(row: Symptom) -> dict[str, Any]:
    return {
        "signal": row.signal, "service": row.service, "label": row.label, "title": row.title, "text": row.text,
        "value": row.value, "severity": row.severity, "opens": row.opens, "first_seen": row.first_seen.isoformat(),
        "last_seen": row.last_seen.isoformat(), "incident": row.incident_id,
        "cleared_at": row.cleared_at.isoformat() if row.cleared_at else None, "given_up": row.given_up,
    }  # fmt: skip


def _event(row: TimelineEvent) -> dict[str, Any]:
    return {
        "incident": row.incident_id, "seq": row.seq, "at": row.at.isoformat(), "kind": row.kind, "actor": row.actor,
        "title": row.title, "body": row.body, "data": row.data,
    }  # fmt: skip


def _incident(row: Incident) -> dict[str, Any]:
    return {
        "number": row.number, "title": row.title, "state": row.state, "started_at": row.started_at.isoformat(),
        "opened_at": row.opened_at.isoformat(), "component": row.component, "cause": row.cause,
        "confidence": row.confidence, "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
    }  # fmt: skip
