"""The rules of the ledger: what may be taken back, by whom, how often, and what is never touched."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.db import IntegrityError, transaction
from django.utils import timezone

from actions import execution, grants, policy, reverts, service
from actions.models import ActionRequest, PolicyRule, Status
from incidents import lifecycle
from incidents.findings import Repair
from incidents.models import Incident, State, Symptom
from systems import services
from systems.models import ChangeRow, System
from systems.services import LoadedSystem
from systems.state import ledger as told
from systems.state.types import REQUESTS, as_json
from tests.actions.conftest import undone
from tests.actions.ledger import Ledger, ask, refused, taken_back
from tests.actions.test_revert import admin, database, edit, files, old

__all__ = ["admin", "database", "files"]
pytestmark = pytest.mark.django_db


def changed(
    system: LoadedSystem, files: Ledger, was: str = "delay_s: 0", new: str = "delay_s: 6"
) -> ChangeRow:
    edit(system, was, new)
    (row,) = files().values()
    return row


def opened(row: System, part: str = "web-1", **more: Any) -> Incident:
    count = Incident.objects.count()
    given = {"title": f"{part} is slow", "started_at": timezone.now(), "fingerprint": f"{part}{count}"}
    incident = Incident.objects.create(system=row, **{**given, **more})
    seen = incident.started_at
    Symptom.objects.create(
        system=row,
        incident=incident,
        signal=f"slow{count}",
        service=part,
        title="slow",
        first_seen=seen,
        last_seen=seen,
    )
    return incident


# --- 1. compare-and-set, newest first


def test_only_what_is_still_as_the_change_made_it_and_the_newest_first(
    system: LoadedSystem, files: Ledger, alice: Any
) -> None:
    first = changed(system, files)
    request = ask(first)
    edit(system, "delay_s: 6", "delay_s: 7")  # before anybody has approved, and before the ledger has seen it
    service.decide(request.pk, alice, True)
    assert service.execute(request.pk).status == Status.CANCELLED
    assert "delay_s: 7" in system.path("etc/web-1.yaml").read_text()
    assert "it is 7 now" in refused(first)
    (second,) = files().values()
    assert "newest goes first" in refused(first) and second.words in refused(first)
    assert taken_back(second, alice).status == Status.SUCCEEDED
    assert "delay_s: 6" in system.path("etc/web-1.yaml").read_text()


def test_changed_between_the_claim_and_the_effect(
    system: LoadedSystem, files: Ledger, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, begun = changed(system, files), execution._note_began

    def meanwhile(*args: Any) -> None:
        begun(*args)
        edit(system, "delay_s: 6", "delay_s: 8")

    monkeypatch.setattr(execution, "_note_began", meanwhile)
    done = taken_back(row, alice)
    assert done.status == Status.FAILED and "it is 8 now" in done.status_why
    assert "delay_s: 8" in system.path("etc/web-1.yaml").read_text()


def test_a_later_change_that_may_need_it_is_asked_about(
    system: LoadedSystem, files: Ledger, alice: Any
) -> None:
    first = changed(system, files, "active: first", "active: second")
    later = changed(system, files, "tries: 3", "tries: 9")
    request = ask(first)
    assert (request.status, request.risk) == ("waiting", "high") and later.words in request.risk_why
    assert ask(later).risk == "medium"


# --- 2. once, one at a time, three an hour, and not against whoever keeps it so


def test_once_and_one_at_a_time(system: LoadedSystem, files: Ledger, row: System, alice: Any) -> None:
    one, two = changed(system, files), changed(system, files, "tries: 3", "tries: 9")
    done = taken_back(one, alice)
    undone(done.pk, alice)  # applied again: it is not taken back a second time
    assert "taken back once" in refused(one) and "taken back once" in refused(one, by="bob")
    request = service.decide(ask(two).pk, alice, True)
    ActionRequest.objects.create(
        system=row,
        slug="revert-change",
        target="db",
        params={"change": "1"},
        status=Status.RUNNING,
        risk="medium",
    )
    assert service.execute(request.pk).status == Status.APPROVED  # it waits
    with pytest.raises(IntegrityError), transaction.atomic():  # whoever forgets to look
        ActionRequest.objects.create(
            system=row,
            slug="revert-change",
            target="x",
            params={"change": str(one.pk)},
            status=Status.SUCCEEDED,
        )


def test_three_an_hour(system: LoadedSystem, files: Ledger, row: System, alice: Any) -> None:
    late = changed(system, files)
    waiting = service.decide(ask(late).pk, alice, True)
    lately = {
        "system": row,
        "slug": "revert-change",
        "status": Status.SUCCEEDED,
        "risk": "medium",
        "target": "db",
    }
    for number in range(900, 903):  # of no row here
        ActionRequest.objects.create(**lately, params={"change": str(number)}, claimed_at=timezone.now())
    assert "within an hour" in refused(late)
    twin = ChangeRow.objects.create(
        system=row, component="web-2", kind=late.kind, what=late.what, before=late.before, after=late.after,
        last_old=late.last_old, first_new=late.first_new, source="files", words="the same there",
    )  # fmt: skip
    mine = ActionRequest.objects.filter(params={"change": "902"})
    mine.update(params={"change": str(twin.pk)})
    assert ask(late).status == Status.WAITING, "the same on another replica is no other change"
    mine = ActionRequest.objects.filter(params={"change": str(twin.pk)})
    mine.update(params={"change": "902"})
    assert service.execute(waiting.pk).status == Status.CANCELLED
    did = Repair(key="db:change", did=["revert-change on db"], helped=True)
    over = opened(row, "db", state=State.VERIFYING, repairs=[did])
    ActionRequest.objects.filter(pk=ActionRequest.objects.get(params={"change": "900"}).pk).update(
        incident=over
    )
    assert "within an hour" in refused(late)  # whether it helped is not known yet
    Incident.objects.filter(pk=over.pk).update(state=State.RESOLVED)
    assert ask(late).status == Status.WAITING  # what was measured to help is no flailing
    Incident.objects.filter(pk=over.pk).update(repairs=[])
    assert "within an hour" in refused(late)
    done = ActionRequest.objects.get(params={"change": "900"}).claimed_at
    sign = Symptom.objects.create(
        system=row, incident=over, signal="http_errors", service="db", title="x",
        first_seen=done - timedelta(seconds=5), last_seen=done, cleared_at=done,
    )  # fmt: skip
    Incident.objects.filter(pk=over.pk).update(state=State.VERIFYING)
    lifecycle.transition(over.pk, State.RESOLVED, actor="alice", title="Closed")
    assert ask(late).status == Status.WAITING, "all was well by then, as far as it was measured"
    Symptom.objects.filter(pk=sign.pk).update(cleared_at=None)
    assert "within an hour" in refused(late)
    ActionRequest.objects.filter(status=Status.SUCCEEDED).update(
        claimed_at=timezone.now() - timedelta(hours=2)
    )
    assert taken_back(late, alice).status == Status.SUCCEEDED


def test_what_was_changed_in_one_go_is_one_change(system: LoadedSystem, files: Ledger, row: System) -> None:
    edit(system, "log:", "".join(f"extra_{n}: 1\n" for n in range(5)) + "log:")
    *four, last = files().values()
    assert len(four) == 4
    done: dict[str, Any] = {
        "system": row, "slug": "revert-change", "status": Status.SUCCEEDED, "risk": "medium", "target": "web-1",
    }  # fmt: skip
    for one in four:
        ActionRequest.objects.create(**done, params={"change": str(one.pk)}, claimed_at=timezone.now())
    assert ask(last).status == Status.WAITING, "half of it put back is worse than none"
    for number in (900, 901):
        ActionRequest.objects.create(**done, params={"change": str(number)}, claimed_at=timezone.now())
    assert ask(last).status == Status.WAITING, "those four are one of three"
    apart = changed(system, files)
    assert "within an hour" in refused(apart)


def test_what_comes_back_within_a_day_is_reported_and_not_fought(
    system: LoadedSystem, files: Ledger, alice: Any
) -> None:
    first = changed(system, files)
    done = taken_back(first, alice)
    old(system.path("etc/web-1.yaml"))
    files()
    ActionRequest.objects.filter(pk=done.pk).update(claimed_at=timezone.now() - timedelta(hours=3))
    hours = timezone.now() - timedelta(hours=3)
    ChangeRow.objects.filter(source=REQUESTS).update(last_old=hours, first_new=hours)
    again = changed(system, files)
    assert (again.before, again.after, again.actor) == (first.before, first.after, "")
    why = refused(again)
    assert "it came back" in why and "manages it" in why and "not fought" in why
    ActionRequest.objects.filter(pk=done.pk).update(finished_at=timezone.now() - timedelta(days=2))
    assert ask(again).status == Status.WAITING


# --- 3. managed values


def test_a_managed_value_is_handed_to_its_owner(
    system: LoadedSystem, files: Ledger, base: Path, alice: Any
) -> None:
    data = yaml.safe_load((base / "manifest.yaml").read_text())
    data["services"]["web-1"]["state"] = {"owner": "gitops"}
    (base / "manifest.yaml").write_text(json.dumps(data))
    services._cache.clear()
    services.register(base / "manifest.yaml")
    managed = Ledger(services.load("tiny"), ("files",))
    managed()
    row = changed(system, managed)
    for by in ("agent", "bob"):
        assert "managed by gitops" in refused(row, by)
    assert "delay_s: 6" in system.path("etc/web-1.yaml").read_text()


# --- 4. people


def test_what_people_did_about_trouble_is_left_to_them(
    system: LoadedSystem, files: Ledger, row: System, alice: Any
) -> None:
    started = timezone.now() - timedelta(minutes=5)
    mine = opened(row, started_at=started)
    answer = changed(system, files)
    why = refused(answer, incident_id=mine.pk)
    assert "answers the trouble" in why
    persons = ask(answer, by="bob", incident_id=mine.pk)
    assert persons.status in ("waiting", "approved")  # a person may
    service.cancel(persons.pk, "bob", "on second thoughts")
    ChangeRow.objects.filter(pk=answer.pk).update(last_old=started - timedelta(seconds=3))
    before = ChangeRow.objects.get(pk=answer.pk)  # it may have been before the trouble
    waiting = ask(before, incident_id=mine.pk)
    assert waiting.status == Status.WAITING
    service.cancel(waiting.pk, "agent", "to be asked again")
    other = opened(row, part="web-1", started_at=started, owner=alice)
    assert f"while people had incident #{other.pk}" in refused(before, incident_id=mine.pk, run_id=7)
    Incident.objects.filter(pk=other.pk).update(owner=None, state=State.RESOLVED, resolved_at=timezone.now())
    assert "may have repaired it" in refused(before, incident_id=mine.pk, run_id=8)
    Incident.objects.filter(pk=other.pk).update(
        merged_into=mine
    )  # it was the same story, and ended by that only
    same = ask(before, incident_id=mine.pk, run_id=10)
    assert same.status == Status.WAITING
    service.cancel(same.pk, "agent", "to be asked again")
    Incident.objects.filter(pk=other.pk).update(merged_into=None)
    Symptom.objects.filter(incident=other).update(service="bank")  # elsewhere: nothing to do with it
    elsewhere = ask(before, incident_id=mine.pk, run_id=9)
    assert elsewhere.status == Status.WAITING


# --- 5. security


def test_what_widens_access_is_asked_and_covered_by_no_general_grant(
    database: Ledger, admin: psycopg.Connection[Any], row: System, alice: Any
) -> None:
    admin.execute("create table tiny_shop.t (id int)")
    admin.execute("grant select, insert on tiny_shop.t to pg_monitor")
    database()
    admin.execute("revoke insert on tiny_shop.t from pg_monitor")
    revoked = database()["table tiny_shop.t: rights of pg_monitor"]
    PolicyRule.objects.create(system=row, action="revert-change", verdict="run")
    given = {"requester": "agent", "created_by": "drill", "reason": "a drill", "minutes": 5, "scope_id": "7"}
    for scope in ("demo", "schedule", "game_day"):
        grants.give(row, scope=scope, actions=["revert-change"], **given)
    with pytest.raises(ValueError, match="game day"):
        grants.give(row, scope="demo", actions=["revert-change", grants.WIDENING], **given)
    incident = opened(row, part="db", started_at=timezone.now())
    request = ask(revoked, incident_id=incident.pk, run_id=1)
    assert (request.status, request.risk) == (
        Status.WAITING,
        "high",
    ) and "do more than now" in request.risk_why
    assert 'GRANT INSERT ON TABLE "tiny_shop"."t" TO "pg_monitor"' in request.preview["command"]
    ActionRequest.objects.filter(pk=request.pk).update(
        effects=["revert:db/grants/x"]
    )  # made to look harmless
    forged = service.decide(request.pk, alice, True)
    assert service.execute(forged.pk).status == Status.CANCELLED
    grants.give(row, scope="game_day", actions=["revert-change", grants.WIDENING], **given)
    later = opened(row, part="db", started_at=timezone.now())
    assert ask(revoked, incident_id=later.pk, run_id=2).status == Status.APPROVED


# --- 6. words


def test_a_change_is_said_to_have_been_made_and_nobody_to_have_broken_anything(
    system: LoadedSystem, files: Ledger, alice: Any
) -> None:
    row = changed(system, files)
    ChangeRow.objects.filter(pk=row.pk).update(actor="person", ref="alice")
    request = ask(row)
    said = json.dumps([request.preview, request.status_why, request.risk_why]).lower()
    assert "delay_s" in said
    assert not any(word in said for word in ("alice", "blame", "fault", "broke", "by person", "culprit"))


# --- 7. a revert that did not help: see tests/agent/test_takes_back.py


# --- 8. cost


def test_a_lock_holds_nobody_up_for_long_and_nothing_is_done(
    database: Ledger, admin: psycopg.Connection[Any], system: LoadedSystem, alice: Any
) -> None:
    admin.execute("create table tiny_shop.t (id int default 1)")
    database()
    admin.execute("alter table tiny_shop.t alter id set default 2")
    row = database()["table tiny_shop.t: column id"]
    request = service.decide(ask(row).pk, alice, True)
    with psycopg.connect(system.service("db").postgres.dsn) as holder:
        holder.execute("lock table tiny_shop.t in access share mode")
        done = service.execute(request.pk)
    assert done.status == Status.FAILED and "lock timeout" in done.status_why
    assert not [
        what for what in database() if "tiny_shop" in what
    ]  # roles are of the whole server: another test's may go


# --- 9. privacy


def test_marks_and_values_stay_inside(system: LoadedSystem, files: Ledger, alice: Any) -> None:
    row = changed(system, files)
    assert row.mark_before and row.mark_after and row.mark_before != row.mark_after
    shown = json.dumps(as_json(told.change_of(row)))
    assert row.mark_before not in shown and row.mark_after not in shown
    done = taken_back(row, alice)
    assert set(done.undo or {}) == {"change", "vault", "pids"}


# --- 10. earned


def test_alone_only_after_measured_successes_and_a_persons_rule(
    system: LoadedSystem, files: Ledger, row: System, alice: Any
) -> None:
    late = changed(system, files)
    assert "0 of 3 times" in ask(late).status_why
    for number in range(reverts.EARNED):
        kind = "config" if number else "env"
        change = ChangeRow.objects.create(
            system=row, component="web-1", kind=kind, what=f"x{number}", source="files", words="x",
            last_old=timezone.now(), first_new=timezone.now(),
        )  # fmt: skip
        did = Repair(component="web-1", cause="change", did=["revert-change on web-1"], helped=True)
        over = opened(row, started_at=timezone.now() - timedelta(days=9), state=State.RESOLVED, repairs=[did])
        Incident.objects.filter(pk=over.pk).update(resolved_at=timezone.now() - timedelta(days=8))
        ActionRequest.objects.create(
            system=row, slug="revert-change", target="web-1", params={"change": str(change.pk)}, incident=over,
            status=Status.SUCCEEDED, risk="medium", claimed_at=timezone.now() - timedelta(days=9),
        )  # fmt: skip
    assert "2 of 3 times" in ask(late, incident_id=None, run_id=11).status_why  # each kind for itself
    ChangeRow.objects.filter(what="x0").update(kind="config")
    assert "nobody has set a rule" in ask(late, run_id=12).status_why
    policy.set_rule(row, "revert-change", "run", by="alice")
    request = ask(late, run_id=13)
    assert request.status == Status.APPROVED
    policy.lift_rule(row, "revert-change", by="alice")  # taken away before it has begun
    assert service.execute(request.pk).status == Status.CANCELLED
    assert "delay_s: 6" in system.path("etc/web-1.yaml").read_text()
