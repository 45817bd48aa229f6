"""Whatever line the executor is killed at: no double effect, no outcome left open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from actions import execution, service
from actions.base import ActionContext
from actions.catalogue.processes.restart_service import RestartService
from actions.catalogue.settings.regenerate_env import RegenerateEnv
from actions.models import ActionRequest, AuditEntry, Fence, Status
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests import sampling
from tests.actions.conftest import undone


@pytest.mark.django_db(transaction=True)
def test_kill_9_at_every_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = connection.get_connection_params()
    url = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**{"password": "", **params})
    env = os.environ | {
        "DATABASE_URL": url,
        "OPSPORTAL_DATA": str(tmp_path / "data"),
        "OPSPORTAL_LOG_LEVEL": "ERROR",
    }
    first, step = sampling.stride(3)
    argv = [
        sys.executable,
        "-m",
        "tests.actions.kill_sweep",
        str(base / "manifest.yaml"),
        str(tmp_path / "effects"),
        str(first + 1),
        str(step),
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run(argv, env=env, cwd=root, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\nkill -9 sweep: {figures}")
    assert figures["lines"] > 60
    assert figures["doubles"] == figures["unresolved"] == figures["wrong"] == 0
    assert figures["failed"] > 0
    assert figures["succeeded"] > 0


pytestmark = pytest.mark.django_db


def ask() -> ActionRequest:
    return service.propose("tiny", "restart-service", "web-1", {}, requested_by="agent")


def test_an_error_in_the_effect_is_settled_by_reading_the_target(
    system: LoadedSystem, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after(self: RestartService, ctx: ActionContext, params: Any) -> Any:
        ctx.runtime.restart("web-1", ctx.fence)
        raise TimeoutError("no answer")

    def before(self: RestartService, ctx: ActionContext, params: Any) -> Any:
        raise TimeoutError("no answer")

    monkeypatch.setattr(RestartService, "execute", after)
    assert service.execute(ask().pk).status == Status.SUCCEEDED
    monkeypatch.setattr(RestartService, "execute", before)
    assert service.execute(ask().pk).status == Status.FAILED


def test_an_outcome_the_target_cannot_tell_blocks_it_until_a_person_settles(
    system: LoadedSystem, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, alice: Any, bob: Any
) -> None:
    def fail(self: RestartService, ctx: ActionContext, params: Any) -> Any:
        raise ConnectionResetError("gone")

    monkeypatch.setattr(RestartService, "execute", fail)
    monkeypatch.setattr(RestartService, "read_back", lambda *a: "unknown")
    request = service.execute(ask().pk)
    assert request.status == Status.UNKNOWN
    waiting = service.execute(ask().pk)
    assert (waiting.status, "outcome unknown" in waiting.status_why) == (Status.APPROVED, True)
    assert service.resolve_unknown() == 0
    with pytest.raises(service.ActionRefused):
        service.resolve_by_person(request.pk, bob, True, "I looked")
    assert service.resolve_by_person(request.pk, alice, False, "I looked")
    assert not Fence.objects.exclude(held_by=None).exists()
    assert ActionRequest.objects.get(pk=request.pk).status == Status.FAILED


def test_a_paused_executor_does_nothing_when_it_wakes_too_late(
    system: LoadedSystem, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ran out and somebody else settled the request while it stood still before the effect."""
    real = execution._run

    def paused(request: ActionRequest, bound: Any) -> None:
        ActionRequest.objects.filter(pk=request.pk).update(lease_until=Now())
        service.resolve_unknown()
        assert ActionRequest.objects.get(pk=request.pk).status == Status.FAILED
        real(request, bound)

    monkeypatch.setattr(execution, "_run", paused)
    assert service.execute(ask().pk).status == Status.FAILED
    assert [op for op, _, _ in runtime.calls if op == "restart"] == []


def test_old_tokens_are_refused_by_the_runtime(system: LoadedSystem, runtime: FakeRuntime) -> None:
    first = service.execute(ask().pk)
    service.execute(ask().pk)
    context = ActionContext(system, "web-1", fence=first.fence)
    with pytest.raises(Exception, match="older"):
        context.runtime.restart("web-1", context.fence)


def test_no_audit_row_no_effect(system: LoadedSystem, runtime: FakeRuntime) -> None:
    request = ask()
    with connection.cursor() as cursor:
        cursor.execute(
            "create function no_rows() returns trigger language plpgsql as 'begin raise ''full''; end'"
        )
        cursor.execute(
            "create trigger refuse before insert on actions_auditentry for each row execute function no_rows()"
        )
    with pytest.raises(Exception, match="full"):
        service.execute(request.pk)
    assert runtime.calls == []


def test_the_undo_is_committed_before_the_effect_and_the_rollback_repeats_safely(
    system: LoadedSystem, runtime: FakeRuntime, alice: Any
) -> None:
    file, golden = system.path("etc/web-1.yaml"), system.path("golden/web-1.yaml").read_bytes()
    file.write_text("delay_s: 9\n")
    request = service.execute(service.propose("tiny", "restore-config", "web-1", {}, requested_by="agent").pk)
    assert request.status == Status.SUCCEEDED
    assert file.read_bytes() == golden
    assert undone(request.pk, alice).status == Status.ROLLED_BACK
    assert file.read_text() == "delay_s: 9\n"
    with pytest.raises(service.ActionRefused):
        service.undo(request.pk, requested_by="bob")
    verbs = list(AuditEntry.objects.order_by("seq").values_list("verb", flat=True))
    assert verbs[-4:] == ["action.approved", "action.started", "action.succeeded", "action.rolled_back"]


@pytest.mark.parametrize("took_effect", [True, False])
def test_an_undo_whose_executor_died_is_settled_by_reading_the_target(
    system: LoadedSystem, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch, took_effect: bool
) -> None:
    """Killed between its claim and its end, before or after the effect; then a second executor comes by."""
    file = system.path("etc/web-1.env")
    file.write_text("API_KEY=9\n")
    request = service.execute(service.propose("tiny", "regenerate-env", "web-1", {}, requested_by="bob").pk)
    undo = service.undo(request.pk, requested_by="bob")
    real = RegenerateEnv.rollback

    def died(self: RegenerateEnv, ctx: ActionContext, record: dict[str, Any]) -> Any:
        if took_effect:
            real(self, ctx, record)
        raise SystemExit

    monkeypatch.setattr(RegenerateEnv, "rollback", died)
    with pytest.raises(SystemExit):
        service.execute(undo.pk)
    assert service.execute(undo.pk).status == Status.RUNNING
    ActionRequest.objects.filter(pk=undo.pk).update(lease_until=Now())
    monkeypatch.setattr(RegenerateEnv, "rollback", real)
    assert service.resolve_unknown() == 1
    undo.refresh_from_db()
    request.refresh_from_db()
    ended = (Status.SUCCEEDED, Status.ROLLED_BACK) if took_effect else (Status.FAILED, Status.SUCCEEDED)
    assert (undo.status, request.status) == ended
    assert (file.read_text() == "API_KEY=9\n") == took_effect
    assert not Fence.objects.exclude(held_by=None).exists()


def test_sweep_runs_what_a_lost_message_left(system: LoadedSystem, runtime: FakeRuntime) -> None:
    request = ask()
    ActionRequest.objects.filter(pk=request.pk).update(requested_at="2020-01-01T00:00:00Z")
    assert service.sweep()["run"] == 1
    assert ActionRequest.objects.get(pk=request.pk).status == Status.SUCCEEDED
