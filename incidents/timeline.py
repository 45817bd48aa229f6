"""The only place that writes timeline events, so that their numbers have no gaps."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from incidents import live
from incidents.models import Incident, TimelineEvent
from systems.readings import clean

TITLE_LIMIT = 500
BODY_LIMIT = 20_000


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
            body=clean(body, BODY_LIMIT),
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


def plain(value: Any) -> Any:
    """`value` as JSON that Postgres accepts: no NUL or control characters, keys as text, the rest as text."""
    if isinstance(value, str):
        return clean(value, BODY_LIMIT)
    if isinstance(value, dict):
        return {clean(str(k), 200): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean(str(value), BODY_LIMIT)
