"""Takes away what is older than it is to be kept, a little at a time, and says how much there is of everything.

Readings and roll-ups go by partitions, with the watcher's own housekeeping. The audit log is never shortened.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone

from actions import audit
from actions.models import ActionRequest, Status
from incidents.models import Incident, State, Symptom
from systems import retention
from systems.models import ChangeRow
from systems.retention import Kind

log = logging.getLogger(__name__)

BY = "retention"
LOCK = 7_302_116  # advisory lock: several watchers may do this at the same time
INCIDENTS_AT_ONCE, CHANGES_AT_ONCE = 50, 5000
EVERY_S = 300.0
UNDER_WAY = (Status.WAITING, Status.APPROVED, Status.RUNNING, Status.UNKNOWN)
AUDIT = Kind("audit", "Audit log", "who did what; it is never shortened", None, 0, 0, ("actions_auditentry",))


def prune() -> dict[str, int]:
    """One portion of each kind; how many went. What is not over, or not known how it ended, stays."""
    gone = {"sessions": Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]}
    for kind, take in ((retention.INCIDENTS, _incidents), (retention.CHANGES, _changes)):
        span = retention.span(kind)
        if span is None:
            continue
        with transaction.atomic():
            if not _alone():
                return gone
            gone[kind.name] = count = take(timezone.now() - span)
            if count:
                data = {"kind": kind.name, "count": count, "older_than_hours": span // timedelta(hours=1)}
                audit.append(BY, "kept.removed", data=data)
    return gone


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


def _incidents(limit: datetime) -> int:
    old = Incident.objects.filter(state=State.RESOLVED, resolved_at__lt=limit)
    busy = ActionRequest.objects.filter(status__in=UNDER_WAY, incident__isnull=False).values("incident")
    numbers = list(old.exclude(pk__in=busy).order_by("pk").values_list("pk", flat=True)[:INCIDENTS_AT_ONCE])
    Symptom.objects.filter(incident__in=numbers).delete()
    Incident.objects.filter(pk__in=numbers, state=State.RESOLVED).delete()
    return len(numbers)


def _changes(limit: datetime) -> int:
    old = ChangeRow.objects.filter(first_new__lt=limit).order_by("first_new").values_list("pk", flat=True)
    return ChangeRow.objects.filter(pk__in=list(old[:CHANGES_AT_ONCE])).delete()[0]


# -- how much there is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """`hours`: it is kept for; None: for ever. `rows`: as the database last estimated them. `since`: the oldest."""

    kind: Kind
    hours: int | None
    size: int
    rows: int
    since: datetime | None

    @property
    def may_be_set(self) -> bool:
        return self.kind.name in retention.KINDS


_SIZE = """
with meant as (select t.oid from unnest(%s::text[]) name join pg_class t on t.oid = to_regclass(name)),
     every as (select oid from meant union select inhrelid from pg_inherits where inhparent in (select oid from meant))
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
from pg_class c where c.oid in (select oid from every)
"""
_OLDEST = {
    "readings": "select min(at) from systems_reading",
    "rollups": "select min(minute) from systems_rollup",
    "changes": "select min(first_new) from systems_changerow",
    "incidents": "select min(started_at) from incidents_incident where state = 'resolved'",
    "audit": "select at from actions_auditentry order by seq limit 1",
}


def kept() -> list[Kept]:
    """Each kind, with what it takes."""
    now = retention.hours()
    found = []
    with connection.cursor() as cursor:
        for kind in (*retention.KINDS.values(), AUDIT):
            cursor.execute(_SIZE, [list(kind.tables)])
            size, rows = cursor.fetchone() or (0, 0)
            cursor.execute(_OLDEST[kind.name])
            oldest = cursor.fetchone()
            found.append(Kept(kind, now.get(kind.name), size, rows, oldest[0] if oldest else None))
    return found


def logs() -> dict[str, Any]:
    """{"size", "files"} of the portal's own logs."""
    folder = Path(settings.OPSPORTAL_DATA) / "logs"
    sizes = [f.stat().st_size for f in folder.glob("*.log*") if f.is_file()] if folder.is_dir() else []
    return {"size": sum(sizes), "files": len(sizes)}
