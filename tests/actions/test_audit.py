"""The audit log: refuses changes, and every change made around the refusal is found."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from actions import audit, audit_verify
from actions.audit_verify import anchor_file, export_anchor, verify
from actions.models import AuditEntry

pytestmark = pytest.mark.django_db
ROWS = 8


@pytest.fixture
def log() -> None:
    for n in range(ROWS):
        audit.append("alice", "action.started", system="tiny", target=f"web-{n}", incident=n, data={"n": n})
    export_anchor(force=True)


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)


def test_a_whole_log_verifies(log: None) -> None:
    report = verify()
    assert (report.ok, report.rows, report.head, report.anchored) == (True, ROWS, ROWS, ROWS)
    assert export_anchor(force=True) is None  # nothing new


@pytest.mark.parametrize("statement", [
    "update actions_auditentry set actor = 'eve' where seq = 3",
    "delete from actions_auditentry where seq = 3",
    "truncate actions_auditentry cascade",
])  # fmt: skip
def test_the_database_refuses(log: None, statement: str) -> None:
    sql("alter table actions_auditentry enable always trigger audit_no_truncate")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement)


EDITS = {
    "at": "at + interval '1 second'",
    "actor": "'eve'",
    "verb": "'action.failed'",
    "system": "'other'",
    "target": "'db'",
    "incident": "99",
    "request_id": "gen_random_uuid()",
    "outcome": "'succeeded'",
    "data": "'{}'",
    "prev_hash": "repeat('0', 64)",
    "hash": "repeat('0', 64)",
    "seq": "seq + 1000",
}


def _rechain() -> None:
    """What a careful forger does: make every hash fit again."""
    previous = audit.GENESIS
    for entry in AuditEntry.objects.order_by("seq"):
        entry.prev_hash = previous
        entry.hash = previous = audit.digest(entry)
        entry.save()


def _edit_and_rechain() -> None:
    sql("update actions_auditentry set actor = 'eve' where seq = 3")
    _rechain()


def _delete_and_renumber() -> None:
    sql("delete from actions_auditentry where seq = 3")
    sql("update actions_auditentry set seq = seq - 1 where seq > 3")
    _rechain()


def _insert() -> None:
    sql("update actions_auditentry set seq = seq + 1000 where seq > 3")
    sql(
        "insert into actions_auditentry select 4, at, 'eve', verb, system, target, incident, request_id, outcome, data,"
        " prev_hash, hash from actions_auditentry where seq = 3"
    )
    sql("update actions_auditentry set seq = seq - 999 where seq > 1000")


def _swap() -> None:
    sql("update actions_auditentry set seq = -1 where seq = 3")
    sql("update actions_auditentry set seq = 3 where seq = 4")
    sql("update actions_auditentry set seq = 4 where seq = -1")


def _forge_anchor() -> None:
    sql("delete from actions_auditentry where seq > 5")
    head = AuditEntry.objects.get(seq=5)
    line = {"seq": 5, "hash": head.hash, "at": 0.0, "hmac": "0" * 64}
    anchor_file().write_text(json.dumps(line) + "\n")


TAMPERING: dict[str, Callable[[], Any]] = {
    **{
        f"edit {column}": partial(sql, f"update actions_auditentry set {column} = {value} where seq = 3")
        for column, value in EDITS.items()
    },
    "delete first": lambda: sql("delete from actions_auditentry where seq = 1"),
    "delete middle": lambda: sql("delete from actions_auditentry where seq = 4"),
    "delete last": lambda: sql("delete from actions_auditentry where seq = 8"),
    "delete tail": lambda: sql("delete from actions_auditentry where seq > 4"),
    "delete all": lambda: sql("delete from actions_auditentry"),
    "edit and rechain": _edit_and_rechain,
    "delete and renumber": _delete_and_renumber,
    "insert": _insert,
    "swap": _swap,
    "forge the anchor": _forge_anchor,
}


def test_tampering_is_found(log: None, capsys: pytest.CaptureFixture[str]) -> None:
    anchors = anchor_file().read_text()
    found = []
    for name, tamper in TAMPERING.items():
        with transaction.atomic():
            sql("alter table actions_auditentry disable trigger user")
            tamper()
            if not verify().ok:
                found.append(name)
            transaction.set_rollback(True)
        anchor_file().write_text(anchors)
    with capsys.disabled():
        print(f"\naudit tampering found: {len(found)} of {len(TAMPERING)}")
    assert found == list(TAMPERING)
    assert verify().ok


def test_a_rolled_back_transaction_leaves_no_row(log: None) -> None:
    with transaction.atomic():
        audit.append("alice", "x")
        transaction.set_rollback(True)
    audit.append("alice", "y")
    assert verify().ok


def test_filters_and_exports(log: None) -> None:
    audit.append("=cmd()", "other", target='a,b\n"c"', data={"note": "needle"})
    assert [e.seq for e in audit.search(text="needle")] == [ROWS + 1]
    assert [e.target for e in audit.search(target="web-3", verb="action")] == ["web-3"]
    assert audit.search(incident=2).count() == 1
    lines = "".join(audit.export(audit.search(), "jsonl")).splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, ROWS + 2))
    table = list(csv.DictReader(io.StringIO("".join(audit.export(audit.search(), "csv")))))
    assert table[-1]["actor"] == "'=cmd()"
    assert len(table) == ROWS + 1
    with pytest.raises(ValueError, match="csv or jsonl"):
        list(audit.export(audit.search(), "xml"))


def test_words_are_found_by_how_they_begin_and_by_an_index(log: None) -> None:
    audit.append(
        "Zoë", "policy.rule", target="restart-db", data={"note": 'it\'s 100% "quoted" | & ! :*', "n": 3.5}
    )

    def found(text: str) -> list[int]:
        return [e.seq for e in audit.search(text=text)]

    assert found("start") == list(range(ROWS, 0, -1)), "action.started"
    for text in ("restart-db", "rest db", "QUOTED", "it's", "100% rule", "note 3.5", "zoë"):
        assert found(text) == [ROWS + 1], text
    for text in ("nothing", "restart web", "' | 'x", "---", "%", "\\"):
        assert found(text) == [], text
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
    plan = audit.search(text="quoted").order_by().explain()
    assert "actions_audit_words" in plan
    assert "audit_by_request" in AuditEntry.objects.filter(request_id=uuid4()).order_by().explain()


def test_a_row_of_any_size_can_be_appended() -> None:
    audit.append("alice", "x", data={"long": "word " * 400_000, "one": "y" * 5_000_000})
    assert verify().ok


def test_an_export_holds_a_portion_at_a_time(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PORTION", 3)
    parts = audit.export(audit.search(), "jsonl")
    first = next(parts)
    audit.append("late", "y")  # what comes while it goes out is not in it
    assert [p.count("\n") for p in (first, *parts)] == [3, 3, 2]


def test_anchors_are_a_minute_apart(log: None) -> None:
    audit.append("alice", "x")
    assert export_anchor() is None
    assert export_anchor(force=True) is not None
    assert audit_verify.verify().anchored == ROWS + 1
