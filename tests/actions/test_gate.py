"""The gate: what runs, what waits, what is refused; and that no changed, expired, replayed or revoked approval runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.db.models.functions import Now

from actions import fences, gate, lifecycle, policy, service
from actions.base import Busy
from actions.effects import wait_until
from actions.models import ActionRequest, AuditEntry, Decision, Fence, Status
from incidents.models import Incident, TimelineEvent
from systems import services
from systems.models import System
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import effects_of, person

pytestmark = pytest.mark.django_db


def ask(
    slug: str = "restart-service", target: str = "web-1", by: str = "agent", **more: Any
) -> ActionRequest:
    return service.propose("tiny", slug, target, more.pop("params", {}), requested_by=by, **more)


@pytest.fixture
def risky(system: LoadedSystem) -> ActionRequest:
    """A high-risk request that waits."""
    row = ask("restart-db", "db")
    assert row.status == Status.WAITING
    return row


def test_low_risk_runs_alone_and_leaves_its_trace(
    system: LoadedSystem, runtime: FakeRuntime, row: System
) -> None:
    incident = Incident.objects.create(system=row, fingerprint="x", title="x", started_at=Now())
    request = ask(incident_id=incident.number, reason="it hangs")
    assert request.status == Status.APPROVED
    request = service.execute(request.pk)
    assert request.status == Status.SUCCEEDED
    assert effects_of(runtime) == ["restart web-1"]
    assert request.undo is not None
    verbs = list(AuditEntry.objects.order_by("seq").values_list("verb", flat=True))
    assert verbs == ["action.approved", "action.started", "action.succeeded"]
    assert TimelineEvent.objects.filter(incident=incident).count() == 3


def test_an_action_runs_once_however_often_it_is_executed(system: LoadedSystem, runtime: FakeRuntime) -> None:
    request = ask()
    for _ in range(3):
        service.execute(request.pk)
    assert effects_of(runtime) == ["restart web-1"]


def test_high_risk_waits_and_runs_after_a_persons_approval(
    risky: ActionRequest, runtime: FakeRuntime, alice: User
) -> None:
    assert service.execute(risky.pk).status == Status.WAITING
    assert effects_of(runtime) == []
    service.decide(risky.pk, alice, True, "go")
    assert service.execute(risky.pk).status == Status.SUCCEEDED
    assert effects_of(runtime) == ["restart db"]


def test_rejected_and_cancelled_never_run(risky: ActionRequest, runtime: FakeRuntime, alice: User) -> None:
    service.decide(risky.pk, alice, False, "not now")
    other = ask("restart-db", "db")
    assert service.cancel(other.pk, "alice")
    assert {service.execute(r.pk).status for r in (risky, other)} == {Status.REJECTED, Status.CANCELLED}
    assert effects_of(runtime) == []


def _nobody(risky: ActionRequest) -> User:
    return person("carol", "actions.run_action")


def _inactive(risky: ActionRequest) -> User:
    user = person("dave", "actions.approve_action")
    User.objects.filter(pk=user.pk).update(is_active=False)
    return user


def _requester(risky: ActionRequest) -> User:
    user = person("erin", "actions.approve_action")
    ActionRequest.objects.filter(pk=risky.pk).update(requested_by="erin")
    return user


def _service_account(risky: ActionRequest) -> User:
    user = person("robot", "actions.approve_action")
    user.groups.add(Group.objects.create(name=gate.SERVICE_ACCOUNTS))
    return user


def _super_service_account(risky: ActionRequest) -> User:
    user = _service_account(risky)
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    return user


@pytest.mark.parametrize("who", [_nobody, _inactive, _requester, _service_account, _super_service_account])
def test_who_may_not_decide(
    risky: ActionRequest, runtime: FakeRuntime, who: Callable[[ActionRequest], User]
) -> None:
    with pytest.raises(service.NotAllowed):
        service.decide(risky.pk, who(risky), True)
    assert service.execute(risky.pk).status == Status.WAITING
    assert effects_of(runtime) == []


CHANGES: dict[str, dict[str, Any]] = {
    "slug": {"slug": "restart-service"},
    "target": {"target": "web-1"},
    "params": {"params": {"x": 1}},
    "runbook": {"runbook": "other v2"},
    "fingerprint": {"fingerprint": "0" * 64},
    "digest": {"digest": "0" * 64},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["before the decision", "after the decision"])
def test_a_changed_request_does_not_run(
    risky: ActionRequest, runtime: FakeRuntime, alice: User, change: str, when: str
) -> None:
    rows = ActionRequest.objects.filter(pk=risky.pk)
    if when == "before the decision":
        rows.update(**CHANGES[change])
        with pytest.raises(service.NotAllowed):
            service.decide(risky.pk, alice, True)
    else:
        service.decide(risky.pk, alice, True)
        rows.update(**CHANGES[change])
    assert service.execute(risky.pk).status in (Status.WAITING, Status.CANCELLED)
    assert effects_of(runtime) == []


def test_a_decision_of_another_request_does_not_count(
    risky: ActionRequest, runtime: FakeRuntime, alice: User
) -> None:
    other = ask("restart-db", "db", reason="another")
    service.decide(other.pk, alice, True)
    ActionRequest.objects.filter(pk=risky.pk).update(status=Status.APPROVED)  # forged, without a decision
    assert service.execute(risky.pk).status == Status.CANCELLED
    Decision.objects.filter(request=other).update(digest="0" * 64)
    assert service.execute(other.pk).status == Status.CANCELLED
    assert effects_of(runtime) == []


def test_an_approval_runs_once_and_cannot_be_replayed(
    risky: ActionRequest, runtime: FakeRuntime, alice: User
) -> None:
    service.decide(risky.pk, alice, True)
    service.execute(risky.pk)
    with pytest.raises(service.NotAllowed):
        service.decide(risky.pk, alice, True)
    service.execute(risky.pk)
    assert effects_of(runtime) == ["restart db"]


def test_revoked_between_approval_and_run(risky: ActionRequest, runtime: FakeRuntime, alice: User) -> None:
    service.decide(risky.pk, alice, True)
    alice.user_permissions.clear()
    assert service.execute(risky.pk).status == Status.CANCELLED
    assert effects_of(runtime) == []


def test_the_target_changed_between_approval_and_run(
    risky: ActionRequest, system: LoadedSystem, runtime: FakeRuntime, alice: User
) -> None:
    service.decide(risky.pk, alice, True)
    path = system.base_dir / "manifest.yaml"
    path.write_text(path.read_text().replace("tiny_shop", "other_shop"))
    services.register(path)
    assert service.execute(risky.pk).status == Status.CANCELLED
    assert effects_of(runtime) == []


# ---- policy
def test_rules_tighten_and_never_loosen_high_risk(system: LoadedSystem, row: System) -> None:
    policy.set_rule(row, "restart-service", "ask", "alice")
    assert ask().status == Status.WAITING
    policy.set_rule(row, "restart-service", "refuse", "alice")
    assert ask().status == Status.REFUSED
    policy.set_rule(None, "*", "run", "alice")
    policy.set_rule(row, "restart-db", "run", "alice")
    assert ask("restart-db", "db").status == Status.WAITING
    policy.lift_rule(row, "restart-service", "alice")
    assert ask().status == Status.APPROVED


def test_a_rule_set_after_the_approval_still_counts(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    request = ask()
    policy.set_rule(row, "restart-service", "ask", "alice")
    assert service.execute(request.pk).status == Status.CANCELLED
    assert effects_of(runtime) == []


def test_halt_refuses_the_agent_and_freeze_asks(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    policy.set_freeze(row, "ask", "alice", "holidays")
    assert ask().status == Status.WAITING
    policy.lift_freezes(row, "ask", "alice")
    before = ask()
    policy.set_freeze(None, "halt", "alice", "stop it")
    assert ask().status == Status.REFUSED
    assert service.execute(before.pk).status == Status.APPROVED, "it waits until the halt is lifted"
    assert ask(by="bob").status == Status.APPROVED
    assert effects_of(runtime) == []
    assert policy.lift_freezes(None, "halt", "alice") == 1
    assert ask().status == Status.APPROVED


def test_the_askers_doubt_can_only_tighten(system: LoadedSystem) -> None:
    assert ask(ask_why="one source only").status == Status.WAITING


# ---- targets, names and parameters
@pytest.mark.parametrize("target", ["no-such", "bank", "web", "", "../web-1", "web-1; rm -rf /"])
def test_targets_come_from_the_manifest(system: LoadedSystem, runtime: FakeRuntime, target: str) -> None:
    with pytest.raises(service.ActionRefused):
        ask(target=target)
    assert not ActionRequest.objects.exists()


def test_unknown_names_list_near_ones(system: LoadedSystem) -> None:
    with pytest.raises(service.UnknownAction) as caught:
        ask("restart-servise")
    assert "restart-service" in caught.value.near


def test_names_people_type(system: LoadedSystem) -> None:
    assert ask("restart_web", "").target == "web"
    assert ask("Restart-Front", "").slug == "restart-service"
    assert service.resolve_targets("tiny", "restart-service", "web", {}) == ["web-1", "web-2"]
    assert service.resolve_targets("tiny", "rolling-restart", "web-1", {}) == ["web-1"]
    assert service.resolve_targets("tiny", "restart-service", "bank", {}) == []
    assert service.resolve_targets("tiny", "no-such", "web", {}) == []


def test_not_ours_is_refused(system: LoadedSystem) -> None:
    with pytest.raises(service.ActionRefused):
        ask("restart-service", "bank")


def test_a_resumed_step_asks_once(system: LoadedSystem) -> None:
    assert ask(run_id=7).pk == ask(run_id=7).pk
    assert ask(run_id=8).pk != ask(run_id=7).pk


def test_lifecycle_table_is_closed() -> None:
    assert set(lifecycle.TRANSITIONS) == set(Status)
    for final in lifecycle.FINAL - {Status.SUCCEEDED, Status.FAILED}:
        assert not lifecycle.TRANSITIONS[final]
    with pytest.raises(lifecycle.IllegalTransition):
        lifecycle.transition(uuid4(), Status.WAITING, Status.RUNNING)


# ---- races
@pytest.mark.django_db(transaction=True)
def test_sixteen_people_decide_and_sixteen_processes_run(system: LoadedSystem, runtime: FakeRuntime) -> None:
    """One decision counts, one effect happens."""
    for trial in range(5):
        runtime.calls.clear()
        request = ask("restart-db", "db")
        people = [person(f"p{trial}-{i}", "actions.approve_action") for i in range(16)]
        won: list[str] = []

        def decide(user: User, request: ActionRequest = request, won: list[str] = won) -> None:
            try:
                service.decide(request.pk, user, True)
                won.append(user.username)
            except service.NotAllowed:
                pass

        _all_at_once([lambda u=u: decide(u) for u in people])  # type: ignore[misc]
        assert len(won) == 1
        assert Decision.objects.filter(request=request).count() == 1
        _all_at_once([lambda pk=request.pk: service.execute(pk)] * 16)  # type: ignore[misc]
        assert effects_of(runtime) == ["restart db"]


@pytest.mark.django_db(transaction=True)
def test_one_uncompleted_action_per_target_groups_included(
    system: LoadedSystem, runtime: FakeRuntime
) -> None:
    """Overlapping targets never run at the same time, and tokens rise."""
    inside, worst, lock = [0], [0], threading.Lock()
    real = runtime.restart

    def slow(unit: str, fence: int | None = None, grace_s: float | None = None) -> Any:
        with lock:
            inside[0] += 1
            worst[0] = max(worst[0], inside[0])
        try:
            threading.Event().wait(0.05)
            return real(unit, fence, grace_s)
        finally:
            with lock:
                inside[0] -= 1

    runtime.restart = slow  # type: ignore[method-assign]
    requests = [ask("rolling-restart", "web"), *(ask("restart-service", "web-1") for _ in range(7))]
    _all_at_once([lambda r=r: service.execute(r.pk) for r in requests])  # type: ignore[misc]
    for request in requests:  # those that found the target busy
        service.execute(request.pk)
    assert worst[0] == 1
    assert all(ActionRequest.objects.get(pk=r.pk).status == Status.SUCCEEDED for r in requests)
    fences = [f for op, unit, f in runtime.calls if unit == "web-1" and op == "restart"]
    assert fences == sorted(set(fences), key=lambda f: f or 0)


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_a_target_sees_who_took_it_meanwhile(system: LoadedSystem) -> None:
    """A claim that blocks on another's uncommitted one, of another target that reaches the same service."""
    group, one = ask("rolling-restart", "web"), ask("restart-service", "web-1")
    with transaction.atomic():  # so that both places exist, and nobody is kept by making them
        fences.hold(group, ["web-1"])
        fences.release(group)
    found: list[str] = []

    def claim() -> None:
        try:
            with transaction.atomic():
                fences.hold(one, ["web-1"])
            found.append("held by two")
        except Busy as error:
            found.append(str(error))
        finally:
            connection.close()

    thread = threading.Thread(target=claim)
    with transaction.atomic():
        list(Fence.objects.select_for_update())  # as `hold` does, a moment before it writes
        thread.start()
        assert wait_until(_blocked_by_us, 30), found
        fences.hold(group, ["web-1"])
    thread.join()
    assert found == ["rolling-restart on web is still approved"]


def _blocked_by_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists(select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def _all_at_once(jobs: list[Callable[[], Any]]) -> None:
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            job()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
