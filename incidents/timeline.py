"""The only place that writes timeline events, so that their numbers have no gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from django.db import connection, transaction

from incidents import live
from incidents.facts import Facts
from incidents.models import Incident, TimelineEvent
from incidents.typed import TEXT_LIMIT
from systems.readings import clean

TITLE_LIMIT = 500


def record(
    incident_id: int, facts: Facts, title: str, *, body: str = "", actor: str = "agent"
) -> TimelineEvent:
    """Append one event of the kind of its facts. Its number is taken and the row written in one transaction; pages hear
    of it on commit.

    Incident.DoesNotExist when there is no such incident."""
    with transaction.atomic():
        event = TimelineEvent.objects.create(
            incident_id=incident_id,
            seq=take_numbers(incident_id, 1),
            kind=facts.kind,
            title=clean(title, TITLE_LIMIT),
            body=clean(body, TEXT_LIMIT),
            data=facts.stored(),
            actor=clean(actor, 120),
        )
        announce(incident_id, event.seq, facts.kind)
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


F = TypeVar("F", bound=Facts)


def told(events: Iterable[TimelineEvent], of: type[F]) -> Iterator[F]:
    """The facts of this kind, in the order of the events. What is of another kind is not read."""
    for event in events:
        if event.kind == of.kind and isinstance(facts := event.facts, of):
            yield facts
