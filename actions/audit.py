"""The audit log: append-only, hash-chained, its head signed and exported each minute.

Each row's hash covers all its fields and the hash before it. A chain alone does not notice that its last rows went, so
`export_anchor` appends the head, signed, to a file outside the database; `verify` (actions/audit_verify.py) needs both.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from actions.models import AuditEntry
from incidents.typed import plain
from systems.readings import clean
from systems.redact import Redactor

LOCK = 0x0A0D17  # advisory lock that makes appends take turns; ends with the transaction
GENESIS = "0" * 64
FIELDS = (
    "seq",
    "at",
    "actor",
    "verb",
    "system",
    "target",
    "incident",
    "request_id",
    "outcome",
    "data",
    "prev_hash",
)
COLUMNS = (*FIELDS[:9], "data", "hash")


def append(
    actor: str,
    verb: str,
    *,
    system: str = "",
    target: str = "",
    incident: int | None = None,
    request_id: UUID | None = None,
    outcome: str = "",
    data: dict[str, Any] | None = None,
    redactor: Redactor | None = None,
) -> AuditEntry:
    """Write one row in the caller's transaction: if that fails, what it records does not happen either."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s), clock_timestamp()", [LOCK])
            row = cursor.fetchone()
            assert row is not None
        head = AuditEntry.objects.order_by("-seq").values_list("seq", "hash").first() or (0, GENESIS)
        entry = AuditEntry(
            seq=head[0] + 1,
            at=row[1],
            actor=clean(actor, 120),
            verb=clean(verb, 80),
            system=clean(system, 60),
            target=clean(target, 120),
            incident=incident,
            request_id=request_id,
            outcome=clean(outcome, 40),
            data=(redactor or Redactor()).json(plain(data or {})),
            prev_hash=head[1],
        )
        entry.hash = digest(entry)
        entry.save(force_insert=True)
    return entry


def digest(entry: AuditEntry) -> str:
    """The hash an entry must have."""
    item = {name: getattr(entry, name) for name in FIELDS}
    item["at"] = entry.at.timestamp()
    item["request_id"] = str(entry.request_id) if entry.request_id else None
    text = json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def search(
    *,
    text: str = "",
    actor: str = "",
    verb: str = "",
    system: str = "",
    target: str = "",
    incident: int | None = None,
    outcome: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """Rows that match every filter given, newest first. `verb` matches by prefix: `action` finds `action.started`."""
    found = AuditEntry.objects.order_by("-seq")
    exact = {"actor": actor, "system": system, "target": target, "outcome": outcome}
    found = found.filter(**{k: v for k, v in exact.items() if v})
    if verb:
        found = found.filter(verb__startswith=verb)
    if incident is not None:
        found = found.filter(incident=incident)
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    for word in text.split():
        found = found.filter(
            Q(actor__icontains=word)
            | Q(verb__icontains=word)
            | Q(target__icontains=word)
            | Q(outcome__icontains=word)
            | Q(data__icontains=word)
        )
    return found


def as_json(entry: AuditEntry) -> dict[str, Any]:
    item = {name: getattr(entry, name) for name in COLUMNS}
    item["at"] = entry.at.isoformat()
    item["request_id"] = str(entry.request_id) if entry.request_id else None
    return item


def export(rows: QuerySet[AuditEntry], form: str) -> Iterator[str]:
    """The rows as `csv` or `jsonl`, a line at a time, oldest first."""
    if form not in ("csv", "jsonl"):
        raise ValueError(f"unknown form {form!r}: csv or jsonl")
    if form == "csv":
        yield _csv_line(COLUMNS)
    for entry in rows.order_by("seq").iterator(chunk_size=500):
        item = as_json(entry)
        if form == "jsonl":
            yield json.dumps(item, ensure_ascii=False) + "\n"
        else:
            item["data"] = json.dumps(item["data"], ensure_ascii=False)
            yield _csv_line(["" if item[c] is None else _cell(str(item[c])) for c in COLUMNS])


def _cell(text: str) -> str:
    """A spreadsheet takes =, +, -, @ at the start for a formula: keep it text."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t") else text


def _csv_line(cells: tuple[str, ...] | list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
