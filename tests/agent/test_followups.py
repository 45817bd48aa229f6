"""What only held trouble off is ended once its cause is gone, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from actions import service
from actions.models import ActionRequest, Status
from agent import followups
from agent.models import FollowUp
from incidents import evidence
from incidents.evidence import SignalState
from incidents.findings import Finding, PlannedStep
from incidents.models import Incident, State
from incidents.picture import Health, Picture
from systems.models import ChangeRow, System
from systems.services import LoadedSystem
from tests.actions.conftest import _data_dir, base, runtime, system  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def switched(system: LoadedSystem, runtime: Any) -> ActionRequest:  # noqa: F811
    """An incident that was ended by the second bank."""
    row = System.objects.get(slug="tiny")
    now = timezone.now()
    incident = Incident.objects.create(
        system=row,
        fingerprint="x",
        title="bank is down",
        state=State.RESOLVED,
        started_at=now,
        resolved_at=now,
    )
    asked = service.propose(
        "tiny", "switch-to-fallback", "bank", {}, requested_by="agent", incident_id=incident.pk
    )
    assert asked.status == Status.APPROVED, asked.status_why
    done = service.execute(asked.pk)
    assert done.status == Status.SUCCEEDED, done.result
    return done


def seen(*down: str, times: int = 1, unknown: str = "") -> None:
    """Fresh pictures, with a look at what stands after each."""
    for _ in range(times):
        states = [
            SignalState("external_down", name, "", True, 1.0, "refused", None, "probe") for name in down
        ]
        health = {"bank": Health("unknown" if unknown else "down" if down else "ok", "")}
        evidence.write("tiny", Picture(timezone.now(), states=states, health=health))
        followups.sweep()


def active(system: LoadedSystem) -> str:  # noqa: F811
    return system.path("etc/web-1.yaml").read_text()


def test_it_stands_while_its_cause_does_and_is_ended_when_that_is_gone(
    switched: ActionRequest,
    system: LoadedSystem,  # noqa: F811
) -> None:
    assert "second" in active(system) and followups.is_owed()
    seen("bank", times=followups.LOOKS + 5)
    row = FollowUp.objects.get()
    assert (row.state, row.looks) == ("standing", 0) and "second" in active(system)
    seen(times=followups.LOOKS - 1)
    seen("bank")  # it comes and goes
    seen(times=followups.LOOKS - 1)
    assert FollowUp.objects.get().state == "standing"
    seen()
    assert FollowUp.objects.get().state == "ended", FollowUp.objects.get().why
    assert "first" in active(system)
    told = [e.title for e in switched.incident.events.all()]  # type: ignore[union-attr]
    assert any("switch-to-primary is asked for" in title for title in told), told
    assert not followups.is_owed()


def test_the_same_look_counts_once_and_what_is_not_seen_counts_for_nothing(switched: ActionRequest) -> None:
    seen()
    for _ in range(2 * followups.LOOKS):
        followups.sweep()
    seen(times=2 * followups.LOOKS, unknown="bank")
    assert FollowUp.objects.get().state == "standing"


def test_while_anything_is_wrong_nothing_is_switched(switched: ActionRequest) -> None:
    values = {"system": switched.system, "fingerprint": "y", "title": "other", "started_at": timezone.now()}
    other = Incident.objects.create(**values)
    seen(times=followups.LOOKS + 5)
    assert FollowUp.objects.get().state == "standing"
    Incident.objects.filter(pk=other.pk).update(state=State.RESOLVED)
    seen(times=followups.LOOKS + 1)
    assert FollowUp.objects.get().state == "ended"


def test_what_somebody_ended_is_ended(switched: ActionRequest) -> None:
    seen("bank")
    by_hand = service.propose("tiny", "switch-to-primary", "bank", {}, requested_by="mira")
    if by_hand.status == Status.WAITING:
        ActionRequest.objects.filter(pk=by_hand.pk).update(status=Status.APPROVED)
    service.execute(by_hand.pk)
    seen("bank")
    assert FollowUp.objects.get().state == "ended"
    assert FollowUp.objects.get().ending is None


def test_a_system_on_which_the_agent_only_watches_keeps_it(switched: ActionRequest) -> None:
    seen("bank")
    System.objects.update(agent_on=False)
    seen(times=followups.LOOKS + 5)
    assert FollowUp.objects.get().state == "standing"


def test_an_incident_that_is_open_has_none_yet(switched: ActionRequest) -> None:
    Incident.objects.update(state=State.VERIFYING)
    seen(times=3)
    assert not FollowUp.objects.exists()


def test_the_incident_shows_it(switched: ActionRequest, client: Client) -> None:
    seen("bank")
    client.force_login(User.objects.create_superuser("mira"))
    page = client.get(f"/incidents/{switched.incident_id}/").content.decode()
    assert "Clean-up after the cure" in page and "is ended once its cause is gone" in page


def test_what_was_done_long_ago_is_no_reason_to_look_each_second(switched: ActionRequest) -> None:
    ActionRequest.objects.update(requested_at=timezone.now() - timedelta(days=1))
    assert not followups.is_owed()


@pytest.mark.parametrize("evident", [True, False])
def test_a_job_rests_as_long_as_what_made_it_run_away_stands(system: LoadedSystem, evident: bool) -> None:  # noqa: F811
    """By the ledger: without a golden copy no sign tells of the change."""
    row, now = System.objects.get(slug="tiny"), timezone.now()
    values = {
        "system": row, "component": "web-1", "kind": "config", "what": "jobs.export.pattern", "source": "files",
        "last_old": now, "first_new": now,
    }  # fmt: skip
    change = ChangeRow.objects.create(before="a", after="b", **values)
    back = PlannedStep(action="revert-change", target="web-1", params={"change": str(change.pk)})
    lead = Finding(
        component="web-1",
        cause="runaway",
        probability=0.9,
        change_id=str(change.pk),
        paths=[[back]] if evident else [],
    )
    incident = Incident.objects.create(
        system=row, fingerprint="x", title="x", state=State.RESOLVED, started_at=now,
        component="web-1", cause="runaway", hypotheses=[lead],
    )  # fmt: skip
    assert followups._is_as_changed(incident) is evident
    ChangeRow.objects.create(before="b", after="a", **values)
    assert not followups._is_as_changed(incident)
