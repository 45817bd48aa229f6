"""The only place that writes timeline events, so that their numbers have no gaps."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from incidents import live
from incidents.models import Incident, TimelineEvent
from incidents.typed import TEXT_LIMIT, plain
from systems.readings import clean

TITLE_LIMIT = 500


def record(
    incident_id: int,
    kind: str,
    title: str,
    *,
    body: str = "",
    data: dict[str, Any] | None = None,
    actor: str = "agent",
) -> TimelineEvent:
    """Append one event. Its number is taken and the row written in one transaction; pages hear of it on commit.

    Incident.DoesNotExist when there is no such incident."""
    if kind not in TimelineEvent.Kind.values:
        raise ValueError(f"unknown kind of event {kind!r}")
    with transaction.atomic():
        event = TimelineEvent.objects.create(
            incident_id=incident_id,
            seq=take_numbers(incident_id, 1),
            kind=kind,
            title=clean(title, TITLE_LIMIT),
            body=clean(body, TEXT_LIMIT),
            data=plain(data or {}),
            actor=clean(actor, 120),
        )
        announce(incident_id, event.seq, kind)
    return event


def take_numbers(incident_id: int, count: int) -> int:
    """Reserve `count` numbers inside the caller's transaction; returns the first. The incident's row stays locked
    until the commit, so a rolled back event gives its number back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE incidents_incident SET last_seq = last_seq + %s WHERE number = %s RETURNING last_seq",
            [count, incident_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise Incident.DoesNotExist(f"there is no incident #{incident_id}")
    return int(row[0]) - count + 1


def announce(incident_id: int, seq: int, kind: str) -> None:
    """Tell the pages, on commit, that event `seq` is there."""
    live.publish(f"incident:{incident_id}", {"seq": seq, "kind": kind})
