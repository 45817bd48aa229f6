"""A "no", a failure or a repair closes the effect, not the name: it is not asked again from the same evidence."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from actions import effectnames, outcomes, service
from actions.base import ActionFailed
from actions.catalogue.processes.restart_service import RestartService
from actions.models import ActionRequest, Status
from incidents.models import Incident, State, Symptom
from systems.models import System
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import effects_of

pytestmark = pytest.mark.django_db


def trouble(row: System, service_: str, signal: str = "hangs", incident: Incident | None = None) -> Incident:
    """An incident (a new one, or more of one) with a symptom that is first seen now."""
    now = timezone.now()
    found = incident or Incident.objects.create(
        system=row,
        fingerprint=f"{service_}{now}",
        title=f"{service_} {signal}",
        started_at=now,
        state="diagnosing",
    )
    Symptom.objects.create(
        system=row, incident=found, signal=signal, service=service_, label=str(now), title=f"{service_} {signal}",
        first_seen=now, last_seen=now,
    )  # fmt: skip
    return found


def ask(incident: Incident, slug: str, target: str, by: str = "agent") -> ActionRequest:
    return service.propose("tiny", slug, target, {}, requested_by=by, incident_id=incident.number)


def close(incident: Incident) -> None:
    Symptom.objects.filter(incident=incident).update(cleared_at=timezone.now())
    Incident.objects.filter(pk=incident.pk).update(state=State.RESOLVED)


@pytest.mark.parametrize("again", ["restart-db", "restart-service", "rolling-restart"])
@pytest.mark.parametrize("other", [False, True])
def test_a_no_closes_the_effect_under_every_name_and_for_every_incident(
    system: LoadedSystem, row: System, runtime: FakeRuntime, alice: User, again: str, other: bool
) -> None:
    first = trouble(row, "db")
    beside = trouble(row, "web-1")
    service.decide(ask(first, "restart-db", "db").pk, alice, False, "orders are running")
    incident = beside if other else first
    refused = ask(incident, again, "db")
    assert refused.status == Status.REFUSED
    assert "restart-db on db was rejected by alice" in refused.status_why
    assert "nothing new was seen since" in refused.status_why
    known = service.already("tiny", again, "db", {}, incident.number)
    assert known is not None and (known.what, known.incident) == ("rejected", first.number)
    assert ask(incident, again, "db", by="bob").status == Status.WAITING, "a person may always ask"
    assert ask(incident, "restart-service", "web-2").status == Status.APPROVED, (
        "another target is another effect"
    )
    assert effects_of(runtime) == []


def test_what_is_new_on_the_very_thing_reopens_the_question_and_flapping_does_not(
    system: LoadedSystem, row: System, alice: User
) -> None:
    incident = trouble(row, "db")
    service.decide(ask(incident, "restart-db", "db").pk, alice, False, "no")
    trouble(row, "db", incident=incident)
    assert ask(incident, "restart-db", "db").status == Status.REFUSED
    trouble(row, "web-1", "slow", incident=incident)
    assert ask(incident, "restart-db", "db").status == Status.REFUSED
    trouble(row, "db", "exited", incident=incident)
    assert ask(incident, "restart-db", "db").status == Status.WAITING


def test_the_same_trouble_that_comes_back_after_a_no_is_no_news_yet(
    system: LoadedSystem, row: System, alice: User
) -> None:
    first = trouble(row, "db")
    service.decide(ask(first, "restart-db", "db").pk, alice, False, "no")
    close(first)
    assert ask(trouble(row, "db"), "restart-db", "db").status == Status.REFUSED
    assert ask(trouble(row, "db", "exited"), "restart-db", "db").status == Status.WAITING


def test_what_was_just_done_for_one_incident_is_not_done_for_another(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    first, second = trouble(row, "web-1"), trouble(row, "front")
    done = ask(first, "restart-service", "web-1")
    assert service.execute(done.pk).status == Status.SUCCEEDED
    assert ask(second, "rolling-restart", "web").status == Status.REFUSED
    known = service.already("tiny", "restart-service", "web-1", {}, second.number)
    assert known is not None and (known.what, known.open) == ("done", True)
    Incident.objects.filter(pk=first.pk).update(state=State.HANDED_OVER)
    known = service.already("tiny", "restart-service", "web-1", {}, second.number)
    assert known is not None and not known.open, "nothing to wait for: a person has it"
    close(first)
    assert ask(second, "restart-service", "web-1").status == Status.REFUSED, (
        "what it saw is older than the repair"
    )
    later = trouble(row, "web-1")
    assert ask(later, "restart-service", "web-1").status == Status.APPROVED
    assert effects_of(runtime) == ["restart web-1"]


def test_what_was_done_before_it_came_back_stands_not_in_the_way_of_what_is_part_of_it(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    """The first was over, came back, and the part now goes on under a number of its own."""
    first = trouble(row, "web-1")
    assert service.execute(ask(first, "restart-service", "web-1").pk).status == Status.SUCCEEDED
    close(first)
    trouble(row, "web-1", incident=first)
    Incident.objects.filter(pk=first.pk).update(state=State.DIAGNOSING, opened_at=timezone.now())
    part = trouble(row, "web-1")
    assert ask(part, "restart-service", "web-1").status == Status.APPROVED


def test_what_the_next_trouble_left_lying_is_news(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    """It opens no incident, and it is what a tidying action is for: done for the trouble before, it is due again."""
    first = trouble(row, "web-1", "inflight_orphans")
    assert service.execute(ask(first, "restart-service", "web-1").pk).status == Status.SUCCEEDED
    close(first)
    later = trouble(row, "web-1")
    Symptom.objects.filter(incident=later).update(cleared_at=timezone.now())
    assert ask(later, "restart-service", "web-1").status == Status.REFUSED
    trouble(row, "web-1", "inflight_orphans", incident=later)
    Symptom.objects.filter(signal="inflight_orphans").update(opens=False)
    assert ask(later, "restart-service", "web-1").status == Status.APPROVED


def test_what_failed_is_not_tried_again_until_something_else_was_changed(
    system: LoadedSystem, row: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = trouble(row, "web-1")

    def fail(*_: Any) -> None:
        raise ActionFailed("does not come up")

    with monkeypatch.context() as patched:
        patched.setattr(RestartService, "execute", fail)
        assert service.execute(ask(incident, "restart-service", "web-1").pk).status == Status.FAILED
    trouble(row, "web-1", "exited", incident=incident)
    assert "failed" in ask(incident, "restart-service", "web-1").status_why
    assert service.execute(ask(incident, "restore-config", "web-1").pk).status == Status.SUCCEEDED
    assert ask(incident, "restart-service", "web-1").status == Status.APPROVED


def test_a_start_in_vain_stands_not_in_the_way_of_one_after_something_is_put_back(
    system: LoadedSystem, row: System, monkeypatch: pytest.MonkeyPatch, alice: User
) -> None:
    """What kept the part down is put back and it is started by one action; a person's "no" to the start still holds."""

    def fail(*_: Any) -> None:
        raise ActionFailed("does not come up")

    back = ["revert:web-1/files/current: points to", "restart:web-1"]
    incident = trouble(row, "web-1")
    with monkeypatch.context() as patched:
        patched.setattr(RestartService, "execute", fail)
        assert service.execute(ask(incident, "restart-service", "web-1").pk).status == Status.FAILED
    assert outcomes.find(row, back, ["web-1"], incident) is None
    assert outcomes.find(row, ["restart:web-1"], ["web-1"], incident) is not None
    ActionRequest.objects.filter(incident=incident).update(status=Status.REJECTED)
    assert outcomes.find(row, back, ["web-1"], incident) is not None


def test_what_just_failed_for_one_incident_is_not_tried_for_another(
    system: LoadedSystem, row: System, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = trouble(row, "web-1"), trouble(row, "front")

    def fail(*_: Any) -> None:
        raise ActionFailed("does not come up")

    with monkeypatch.context() as patched:
        patched.setattr(RestartService, "execute", fail)
        assert service.execute(ask(first, "restart-service", "web-1").pk).status == Status.FAILED
    for again, target in (("restart-service", "web-1"), ("rolling-restart", "web")):
        refused = ask(second, again, target)
        assert refused.status == Status.REFUSED
        assert "restart-service on web-1 failed" in refused.status_why
        assert f"for #{first.number}; nothing was changed since" in refused.status_why
    known = service.already("tiny", "restart-service", "web-1", {}, second.number)
    assert known is not None and (known.what, known.incident) == ("failed", first.number)
    assert ask(second, "restart-service", "web-2").status == Status.APPROVED
    assert effects_of(runtime) == []


def test_a_new_run_goes_on_with_what_the_old_one_asked(system: LoadedSystem, row: System) -> None:
    incident = trouble(row, "db")
    ask_ = {"requested_by": "agent", "incident_id": incident.number}
    first = service.propose("tiny", "restart-db", "db", {}, run_id=1, **ask_)  # type: ignore[arg-type]
    again = service.propose("tiny", "restart-db", "db", {}, run_id=2, **ask_)  # type: ignore[arg-type]
    assert (again.pk, again.run_id) == (first.pk, 2)
    assert ask(incident, "restart-service", "db").status == Status.REFUSED, "it waits under another name"


@pytest.mark.django_db(transaction=True)
def test_two_incidents_of_one_trouble_ask_at_the_same_moment(system: LoadedSystem, row: System) -> None:
    for _ in range(5):
        ActionRequest.objects.all().delete()
        incidents = [trouble(row, "db") for _ in range(8)]
        barrier = threading.Barrier(len(incidents))
        got: list[str] = []

        def one(incident: Incident, barrier: threading.Barrier = barrier, got: list[str] = got) -> None:
            barrier.wait()
            try:
                got.append(ask(incident, "restart-db", "db").status)
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=[i]) for i in incidents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == [Status.REFUSED] * 7 + [Status.WAITING]


@pytest.mark.parametrize(
    ("done", "wanted", "other"),
    [
        (["revert:api-2/files/timeout", "reload:api-2"],
         ["config:api-1", "config:api-2", "reload:api-1", "reload:api-2"], True),
        (["restart:api-2"], ["config:api-2", "restart:api-2"], True),
        (["config:api-2", "restart:api-2"], ["config:api-2", "restart:api-2"], False),
        (["config:api-2", "reload:api-2"], ["config:api-1", "config:api-2"], False),
        (["restart:api-2"], ["restart:api-1", "restart:api-2"], False),
    ],
)  # fmt: skip
def test_what_is_written_elsewhere_is_no_repetition_of_what_was_read_or_begun_anew(
    done: list[str], wanted: list[str], other: bool
) -> None:
    assert effectnames.is_another_write(done, wanted) is other
