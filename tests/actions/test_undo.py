"""An undo is an action like any other: a request of its own, with risk, preview, policy, approval, claim and audit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client

from actions import policy, service
from actions.models import ActionRequest, AuditEntry, PolicyRule, Status
from incidents.models import TimelineEvent
from opsportal import tokens
from systems.models import System
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import person
from tests.pages import make_incident

pytestmark = pytest.mark.django_db
BAD = "delay_s: 9\n"


@pytest.fixture
def file(system: LoadedSystem, runtime: FakeRuntime) -> Path:
    found = system.path("etc/web-1.yaml")
    found.write_text(BAD)
    return found


def done(*, risk: str = "", incident: int | None = None) -> ActionRequest:
    """A configuration that was restored; rated as `risk` where that is said."""
    request = service.propose("tiny", "restore-config", "web-1", {}, requested_by="bob", incident_id=incident)
    request = service.execute(request.pk)
    assert request.status == Status.SUCCEEDED
    if risk:
        ActionRequest.objects.filter(pk=request.pk).update(risk=risk)
    return request


def by_page(user: User, request: ActionRequest) -> int:
    client = Client()
    client.force_login(user)
    return int(client.post(f"/approvals/{request.pk}/undo/").status_code)


def by_api(user: User, request: ActionRequest) -> int:
    may = ("actions.run_action",) if user.has_perm("actions.run_action") else ("actions.approve_action",)
    token, _ = tokens.create(user, "test", may)
    path = f"/action/{request.pk}/rollback"
    return int(Client().post(path, headers={"Authorization": f"Bearer {token}"}).status_code)


DOORS = pytest.mark.parametrize("door", [by_page, by_api])


@DOORS
def test_without_the_right_nothing_is_asked(file: Path, door: Callable[[User, ActionRequest], int]) -> None:
    request, repaired = done(), file.read_bytes()
    assert door(person("tom", "actions.approve_action"), request) == 403
    assert ActionRequest.objects.get().status == Status.SUCCEEDED
    assert file.read_bytes() == repaired


@DOORS
def test_what_was_risky_is_taken_back_only_after_somebody_elses_word(
    file: Path, alice: User, door: Callable[[User, ActionRequest], int]
) -> None:
    request, repaired = done(risk="high"), file.read_bytes()
    assert door(alice, request) in (202, 302)
    undo = ActionRequest.objects.get(undo_of=request)
    assert (undo.status, undo.risk, undo.requested_by) == (Status.WAITING, "high", "alice")
    assert service.execute(undo.pk).status == Status.WAITING
    with pytest.raises(service.NotAllowed, match="own request"):
        service.decide(undo.pk, alice, True)
    assert file.read_bytes() == repaired
    carol = person("carol", "actions.approve_action")
    assert service.decide(undo.pk, carol, True, digest=undo.digest).status == Status.APPROVED
    assert service.execute(undo.pk).status == Status.SUCCEEDED
    request.refresh_from_db()
    assert (request.status, file.read_text()) == (Status.ROLLED_BACK, BAD)


@DOORS
def test_what_was_not_is_taken_back_at_once_and_told_on_both(
    file: Path, bob: User, row: System, door: Callable[[User, ActionRequest], int]
) -> None:
    incident = make_incident(row)
    request = done(incident=incident.pk)
    assert door(bob, request) in (200, 302)
    undo = ActionRequest.objects.get(undo_of=request)
    request.refresh_from_db()
    assert (undo.status, request.status, file.read_text()) == (Status.SUCCEEDED, Status.ROLLED_BACK, BAD)
    assert undo.decision.by_policy and undo.fence and undo.fence > (request.fence or 0)
    rows = AuditEntry.objects.filter(request_id=undo.pk).order_by("seq")
    assert [r.verb for r in rows] == ["action.approved", "action.started", "action.succeeded"]
    assert all(r.data["undo_of"] == str(request.pk) for r in rows)
    told = AuditEntry.objects.get(request_id=request.pk, verb="action.rolled_back")
    assert (told.data["undo"], told.data["by"]) == (str(undo.pk), "bob")
    titles = list(
        TimelineEvent.objects.filter(incident=incident, kind="rollback").values_list("title", flat=True)
    )
    assert titles == ["undo of restore-config on web-1: running", "restore-config on web-1: rolled back"]


def test_the_preview_is_measured_and_the_risk_never_below_that_of_the_deed(file: Path) -> None:
    request = done()
    undo = service.undo(request.pk, requested_by="bob")
    shown = undo.preview
    assert "web-1: delay_s: 0 -> 9" in shown["changes"]
    assert not any("already" in line for line in shown["changes"])
    assert any("was not good" in line for line in shown["changes"])
    assert shown["undo"].startswith("Cannot be undone") and not shown["undoable"]
    assert undo.risk == "medium" and "not the golden copy" in undo.risk_why
    ActionRequest.objects.filter(pk=undo.pk).update(status=Status.CANCELLED)
    file.write_text("delay_s: 3\n")
    again = service.undo(request.pk, requested_by="bob")
    assert "web-1: delay_s: 3 -> 9" in again.preview["changes"]
    ActionRequest.objects.filter(pk=again.pk).update(status=Status.CANCELLED)
    file.write_text(BAD)
    third = service.undo(request.pk, requested_by="bob")
    assert "web-1: the file is as it was before already" in third.preview["changes"]


def test_what_would_be_lost_makes_it_risky(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actions.catalogue.settings.restore_config import RestoreConfig

    request = done()
    monkeypatch.setattr(RestoreConfig, "lost_by_undo", lambda *a: {"rows": 12})
    undo = service.undo(request.pk, requested_by="bob")
    assert (undo.status, undo.risk, undo.preview["loss"]) == (Status.WAITING, "high", {"rows": 12})
    assert "12 rows" in undo.risk_why


def test_what_somebody_wrote_since_is_asked_about_before_it_is_written_over(file: Path) -> None:
    request = done()
    file.write_text(file.read_text() + "pool_s: 3\n")
    undo = service.undo(request.pk, requested_by="bob")
    assert (undo.status, undo.risk, undo.preview["loss"]) == (Status.WAITING, "high", {"later changes": 1})
    assert file.read_text().endswith("pool_s: 3\n")


def test_pressed_twice_it_is_one_undo(file: Path, bob: User, alice: User) -> None:
    request = done(risk="high")
    first = service.ask_undo(request.pk, bob)
    assert service.ask_undo(request.pk, alice).pk == first.pk
    first.pk = uuid4()  # whoever comes past the lock meets the database
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)
    first = ActionRequest.objects.get(undo_of=request)
    service.decide(first.pk, alice, False, "not now")
    assert service.ask_undo(request.pk, bob).pk != first.pk, "a no to one is no bar to asking again"


@pytest.mark.django_db(transaction=True)
def test_pressed_by_many_at_once_it_is_one_undo(file: Path, bob: User) -> None:
    request, barrier = done(risk="high"), threading.Barrier(8)
    seen: list[Any] = []

    def press() -> None:
        barrier.wait()
        try:
            seen.append(service.ask_undo(request.pk, bob).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8 and len(set(seen)) == 1
    assert ActionRequest.objects.filter(undo_of=request).count() == 1


def test_an_approval_covers_exactly_one_undo(file: Path, bob: User, alice: User) -> None:
    """Pointed at another request, or with another record to put back, it is not what was approved."""
    request = done(risk="high")
    undo = service.ask_undo(request.pk, bob)
    service.decide(undo.pk, alice, True)
    ActionRequest.objects.filter(pk=request.pk).update(undo={**(request.undo or {}), "files": []})
    assert service.execute(undo.pk).status == Status.CANCELLED
    other = service.ask_undo(request.pk, bob)
    service.decide(other.pk, alice, True)
    file.write_text(BAD)
    ActionRequest.objects.filter(pk=other.pk).update(undo_of=done())
    assert service.execute(other.pk).status == Status.CANCELLED
    assert file.read_text() != BAD


def test_policy_rules_hold_for_it_and_what_it_did_is_not_undone_again(
    file: Path, row: System, bob: User
) -> None:
    request = done()
    policy.set_rule(row, "restore-config", PolicyRule.Verdict.REFUSE, "alice", "leave it")
    assert service.ask_undo(request.pk, bob).status == Status.REFUSED
    policy.lift_rule(row, "restore-config", "alice")
    undo = service.execute(service.ask_undo(request.pk, bob).pk)
    for over in (undo, request):
        with pytest.raises(service.ActionRefused):
            service.ask_undo(over.pk, bob)


def test_the_agent_puts_back_no_bad_state_and_a_failure_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, bob: User
) -> None:
    from actions.base import ActionFailed
    from actions.catalogue.settings.restore_config import RestoreConfig

    request = done()
    theirs = service.undo(request.pk, requested_by="agent")
    assert theirs.status == Status.REFUSED and "golden copy" in theirs.status_why

    def fail(*a: Any) -> Any:
        raise ActionFailed("the disk is full")

    monkeypatch.setattr(RestoreConfig, "rollback", fail)
    undo = service.execute(service.ask_undo(request.pk, bob).pk)
    request.refresh_from_db()
    assert (undo.status, request.status) == (Status.FAILED, Status.SUCCEEDED)
    assert "not put back: the disk is full" in request.status_why
    assert AuditEntry.objects.filter(request_id=request.pk, verb="action.not_rolled_back").count() == 1


def test_the_pages_name_both(file: Path, bob: User, alice: User) -> None:
    request = done(risk="high")
    client = Client()
    client.force_login(bob)
    bob.user_permissions.add(Permission.objects.get(codename="view_incident"))
    assert "Undo it" in client.get(f"/approvals/{request.pk}/").content.decode()
    page = client.post(f"/approvals/{request.pk}/undo/", follow=True).content.decode()
    undo = ActionRequest.objects.get(undo_of=request)
    assert "waits for somebody" in page and "Undo it" not in page
    assert f'<a href="/approvals/{undo.pk}/">Undo asked by bob' in page
    queue = client.get("/approvals/").content.decode()
    assert "Undo: Restore" in queue and f'<a href="/approvals/{request.pk}/">' in queue


def test_where_the_server_may_only_look_a_worker_puts_back(
    file: Path, bob: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OPSPORTAL_LOOKS_ONLY = True
    woken: list[Any] = []
    monkeypatch.setattr(service, "wake", woken.append)
    request = done()
    assert by_page(bob, request) == 302
    undo = ActionRequest.objects.get(undo_of=request)
    assert (undo.status, woken) == (Status.APPROVED, [undo.pk])
