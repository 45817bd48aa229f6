"""Silence is neither yes nor no: what waits is measured and asked again; what lost its reason is withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from actions import policy, service
from actions.catalogue.processes.restart_service import RestartService
from actions.models import ActionRequest, AuditEntry, Decision, Status
from incidents.models import Incident, State, TimelineEvent
from systems import services
from systems.models import System
from systems.runtimes.base import RuntimeFailed
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import effects_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asks(system: LoadedSystem, row: System) -> None:
    policy.set_rule(row, "restart-service", "ask", "alice")


@pytest.fixture
def incident(system: LoadedSystem, row: System) -> Incident:
    return Incident.objects.create(system=row, fingerprint="db", title="db hangs", started_at=timezone.now())


def ask(by: str = "agent", incident: Incident | None = None, run_id: int | None = None) -> ActionRequest:
    number = incident.number if incident else None
    return service.propose(
        "tiny",
        "restart-service",
        "web-1",
        {},
        requested_by=by,
        incident_id=number,
        run_id=run_id,
        reason="hangs",
    )


def time_is_up(request: ActionRequest) -> None:
    ActionRequest.objects.filter(pk=request.pk).update(expires_at=Now())


def now(request: ActionRequest) -> ActionRequest:
    return ActionRequest.objects.get(pk=request.pk)


def other_manifest(system: LoadedSystem) -> None:
    path = system.base_dir / "manifest.yaml"
    text = path.read_text()
    assert '"1.0"' in text
    path.write_text(text.replace('"1.0"', '"0.9"'))
    services.register(path)


@pytest.mark.parametrize("by", ["agent", "bob"])
def test_nobody_answers_and_nothing_starts_or_ends(incident: Incident, runtime: FakeRuntime, by: str) -> None:
    request = ask(by, incident, run_id=1 if by == "agent" else None)
    for reminder in range(1, 6):
        time_is_up(request)
        assert service.sweep()["renewed"] == 1
        row = now(request)
        assert (row.status, row.renewals) == (Status.WAITING, reminder)
        assert row.expires_at is not None and row.expires_at > timezone.now()
    assert effects_of(runtime) == []
    reminded = TimelineEvent.objects.filter(incident=incident, title__startswith="Still waiting")
    assert [e.data["reminder"] for e in reminded.order_by("seq")] == [1, 2, 4]
    assert AuditEntry.objects.filter(verb="action.renewed").count() == 5


def test_what_did_not_change_can_be_decided_on_as_it_was_shown(incident: Incident, alice: User) -> None:
    request = ask(incident=incident)
    time_is_up(request)
    service.renew_due()
    assert now(request).digest == request.digest
    assert service.decide(request.pk, alice, True, digest=request.digest).status == Status.APPROVED


def test_what_changed_needs_a_decision_on_what_it_is_now(
    system: LoadedSystem, incident: Incident, runtime: FakeRuntime, alice: User
) -> None:
    request = ask(incident=incident)
    other_manifest(system)
    time_is_up(request)
    service.renew_due()
    renewed = now(request)
    assert renewed.digest != request.digest
    for digest in (request.digest, ""):
        with pytest.raises(service.NotAllowed, match="measured again"):
            service.decide(request.pk, alice, True, digest=digest)
    with pytest.raises(service.NotAllowed, match="measured again"):
        service.decide(request.pk, alice, False, "no", digest=request.digest)
    assert service.execute(request.pk).status == Status.WAITING
    service.decide(request.pk, alice, True, digest=renewed.digest)
    assert service.execute(request.pk).status == Status.SUCCEEDED
    assert effects_of(runtime) == ["restart web-1"]


def test_a_decision_that_comes_late_meets_a_fresh_measurement(
    system: LoadedSystem, incident: Incident, alice: User
) -> None:
    """The time is up and no sweep has come by: deciding measures again itself."""
    request = ask(incident=incident)
    other_manifest(system)
    time_is_up(request)
    with pytest.raises(service.NotAllowed, match="measured again"):
        service.decide(request.pk, alice, True, digest=request.digest)
    assert now(request).renewals == 1


def test_an_approval_nobody_used_lapses_and_waits_again(
    incident: Incident, runtime: FakeRuntime, alice: User
) -> None:
    request = ask(incident=incident)
    service.decide(request.pk, alice, True)
    time_is_up(request)
    assert service.execute(request.pk).status == Status.APPROVED
    service.renew_due()
    row = now(request)
    assert (row.status, "lapsed" in row.status_why) == (Status.WAITING, True)
    assert not Decision.objects.exists()
    assert service.execute(request.pk).status == Status.WAITING
    assert effects_of(runtime) == []
    service.decide(request.pk, alice, True, digest=row.digest)
    assert service.execute(request.pk).status == Status.SUCCEEDED


def test_it_does_not_start_because_a_rule_was_loosened_meanwhile(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    request = ask("bob")
    policy.lift_rule(row, "restart-service", "alice")
    time_is_up(request)
    service.sweep()
    assert now(request).status == Status.WAITING
    assert effects_of(runtime) == []


def test_withdrawn_when_its_reason_goes(
    system: LoadedSystem, incident: Incident, monkeypatch: pytest.MonkeyPatch, alice: User
) -> None:
    over, mended, persons = ask(incident=incident), ask("bob"), ask("bob", incident)
    Incident.objects.filter(pk=incident.pk).update(state=State.RESOLVED)
    with pytest.raises(service.NotAllowed, match=f"withdrawn.*#{incident.number} is over"):
        service.decide(over.pk, alice, True)
    time_is_up(persons)
    service.renew_due()
    assert now(persons).status == Status.WAITING, "what a person asked for is theirs to take back"

    def refuse(*_: Any) -> None:
        raise service.ActionRefused("it is well")

    monkeypatch.setattr(RestartService, "check", refuse)
    time_is_up(mended)
    service.renew_due()
    assert [(now(r).status, now(r).status_why) for r in (over, mended)] == [
        (Status.CANCELLED, f"withdrawn: incident #{incident.number} is over"),
        (Status.CANCELLED, "withdrawn: it is well"),
    ]


def test_what_cannot_be_looked_at_goes_on_waiting(
    incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(incident=incident)

    def blind(*_: Any) -> None:
        raise RuntimeFailed("no answer")

    monkeypatch.setattr(RestartService, "check", blind)
    time_is_up(request)
    service.renew_due()
    row = now(request)
    assert (row.status, row.renewals, row.digest) == (Status.WAITING, 1, request.digest)
    assert "could not be measured" in TimelineEvent.objects.filter(incident=incident).latest("seq").body


def test_a_request_that_was_tampered_with_is_not_renewed(incident: Incident) -> None:
    request = ask(incident=incident)
    ActionRequest.objects.filter(pk=request.pk).update(reason="harmless", expires_at=Now())
    service.renew_due()
    assert now(request).status == Status.CANCELLED


def test_how_long_is_set_for_all_and_for_one_action(system: LoadedSystem, row: System, settings: Any) -> None:
    def seconds() -> float:
        request = ask("bob")
        assert request.expires_at is not None
        return (request.expires_at - request.requested_at).total_seconds()

    settings.OPSPORTAL_APPROVAL_SECONDS = 1000
    assert seconds() == pytest.approx(1000, abs=5)
    policy.set_rule(row, "restart-service", "ask", "alice", approval_seconds=40)
    assert seconds() == pytest.approx(40, abs=5)


def test_the_environment_sets_how_long(tmp_path: Any) -> None:
    import os
    import subprocess
    import sys

    code = "from django.conf import settings; print(settings.OPSPORTAL_APPROVAL_SECONDS)"
    env = os.environ | {"OPSPORTAL_APPROVAL_SECONDS": "77", "DJANGO_SETTINGS_MODULE": "opsportal.settings"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "77"
