"""One switch stops everybody; the agent does nothing where it is off; a message carries an id and no authority."""

from __future__ import annotations

import inspect
import threading
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from actions import policy, service, tasks
from actions.models import ActionRequest, Status
from opsportal.celery import app
from systems.models import System
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import effects_of, person

pytestmark = pytest.mark.django_db


def ask(by: str = "bob", target: str = "web-1", slug: str = "restart-service") -> ActionRequest:
    return service.propose("tiny", slug, target, {}, requested_by=by)


@pytest.mark.django_db(transaction=True)
def test_no_claim_starts_after_the_switch_was_set(system: LoadedSystem, runtime: FakeRuntime) -> None:
    requests = [ask(target=t) for t in ("web-1", "web-2", "front", "crew") for _ in range(4)]
    barrier = threading.Barrier(len(requests) + 1)

    def run(request: ActionRequest) -> None:
        barrier.wait()
        try:
            service.execute(request.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[r]) for r in requests]
    for thread in threads:
        thread.start()
    barrier.wait()
    policy.set_freeze(None, "stop", "alice", "enough")
    started = set(ActionRequest.objects.exclude(claimed_at=None).values_list("pk", flat=True))
    for thread in threads:
        thread.join()
    for request in requests:
        service.execute(request.pk)
    assert set(ActionRequest.objects.exclude(claimed_at=None).values_list("pk", flat=True)) == started
    assert ask().status == ask("agent").status == Status.REFUSED
    policy.lift_freezes(None, "stop", "alice")
    assert service.execute(ask().pk).status == Status.SUCCEEDED


def test_the_agent_does_nothing_where_it_is_off(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    before = ask("agent")
    call_command("agent", "off", "tiny")
    assert "only watches" in ask("agent").status_why
    assert service.execute(before.pk).status == Status.CANCELLED
    assert ask("bob").status == Status.APPROVED
    assert effects_of(runtime) == []
    call_command("agent", "on", "tiny")
    assert ask("agent").status == Status.APPROVED


def test_every_task_takes_at_most_an_id() -> None:
    app.loader.import_default_modules()
    ours = {n: t for n, t in app.tasks.items() if not n.startswith("celery.")}
    assert {"actions.execute", "actions.sweep", "agent.advance", "chaos.run"} <= set(ours)
    for name, task in ours.items():
        given = list(inspect.signature(task.run).parameters)
        assert len(given) <= 1 and all(p.endswith("_id") for p in given), name


def test_a_forged_message_puts_nothing_back(system: LoadedSystem, bob: User) -> None:
    file = system.path("etc/web-1.yaml")
    file.write_text("delay_s: 9\n")
    done = service.execute(ask(slug="restore-config").pk)
    repaired = file.read_bytes()
    with pytest.raises(service.NotAllowed):
        service.ask_undo(done.pk, person("tom"))
    tasks.execute_request(str(done.pk))
    with pytest.raises(ActionRequest.DoesNotExist):
        tasks.execute_request(str(uuid4()))
    assert (ActionRequest.objects.get().status, file.read_bytes()) == (Status.SUCCEEDED, repaired)
    undo = service.ask_undo(done.pk, bob)
    for _ in range(3):  # replayed
        tasks.execute_request(str(undo.pk))
    done.refresh_from_db()
    assert (done.status, file.read_text()) == (Status.ROLLED_BACK, "delay_s: 9\n")


def test_no_undo_starts_after_the_switch_was_set(system: LoadedSystem, bob: User) -> None:
    file = system.path("etc/web-1.yaml")
    file.write_text("delay_s: 9\n")
    done = service.execute(ask(slug="restore-config").pk)
    repaired = file.read_bytes()
    undo = service.ask_undo(done.pk, bob)
    policy.set_freeze(None, "stop", "alice", "enough")
    assert service.execute(undo.pk).claimed_at is None
    done.refresh_from_db()
    assert (done.status, file.read_bytes()) == (Status.SUCCEEDED, repaired)
