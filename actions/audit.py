"""The audit log: append-only, hash-chained, its head signed and exported each minute.

Each row's hash covers all its fields and the hash before it. A chain alone does not notice that its last rows went, so
`export_anchor` appends the head, signed, to a file outside the database; `verify` (actions/audit_verify.py) needs both.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

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
PORTION = 500  # rows of an export that are in memory at a time
# As the index has them (migration 0009): what stands between the marks of ASCII.
_WORD = re.compile(r"[^\s\x00-\x20._\-:/@=,;'\"{}\[\]()<>|\\+*&%$#!?~^`]+")
_WORDS = """actions_audit_words(actions_auditentry.actor, actions_auditentry.verb, actions_auditentry.target,
            actions_auditentry.outcome, actions_auditentry.data) @@ to_tsquery('simple', %s)"""


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
    """Rows that match every filter given, newest first. `verb` matches by prefix: `action` finds `action.started`.
    `text`: words, or how they begin, of any column; `start` finds `action.started`. All of it goes by an index."""
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
    if words := _WORD.findall(text):
        wanted = " & ".join(f"'{word}':*" for word in words)
        found = found.extra(where=[_WORDS], params=[wanted])  # noqa: S610 - one fixed clause, the words are a parameter
    elif text.strip():
        return found.none()
    return found


def as_json(entry: AuditEntry) -> dict[str, Any]:
    item = {name: getattr(entry, name) for name in COLUMNS}
    item["at"] = entry.at.isoformat()
    item["request_id"] = str(entry.request_id) if entry.request_id else None
    return item


def export(rows: QuerySet[AuditEntry], form: str) -> Iterator[str]:
    """The rows as `csv` or `jsonl`, in portions, oldest first: what is there when it begins."""
    if form not in ("csv", "jsonl"):
        raise ValueError(f"unknown form {form!r}: csv or jsonl")
    head, last = head_seq(), 0
    if form == "csv":
        yield _csv_line(COLUMNS)
    while found := portion(rows, last, head):
        last = found[-1].seq
        yield written(found, form)


def head_seq() -> int:
    return AuditEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def portion(rows: QuerySet[AuditEntry], after: int, head: int) -> list[AuditEntry]:
    """The next rows up to `head`, oldest first; none: that was all. By number: no cursor stays open in between."""
    return list(rows.order_by("seq").filter(seq__gt=after, seq__lte=head)[:PORTION])


def written(entries: list[AuditEntry], form: str) -> str:
    if form == "jsonl":
        return "".join(json.dumps(as_json(entry), ensure_ascii=False) + "\n" for entry in entries)
    lines = []
    for entry in entries:
        item = as_json(entry)
        item["data"] = json.dumps(item["data"], ensure_ascii=False)
        lines.append(_csv_line(["" if item[c] is None else _cell(str(item[c])) for c in COLUMNS]))
    return "".join(lines)


def _cell(text: str) -> str:
    """A spreadsheet takes =, +, -, @ at the start for a formula: keep it text."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t") else text


def _csv_line(cells: tuple[str, ...] | list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
