"""Approvals given in advance cover what they name, and nothing else that happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from actions import grants, renewal, service
from actions.models import ActionRequest, AuditEntry, PolicyGrant, Status
from incidents.models import Incident
from systems.models import System
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import effects_of

pytestmark = pytest.mark.django_db


def give(row: System, **more: Any) -> PolicyGrant:
    given = {"scope": "demo", "scope_id": "a fault", "requester": "agent", "actions": ["restart-db"]}
    return grants.give(row, created_by="demo", reason="a fault is put in", **{"minutes": 5, **given, **more})


def opened(row: System) -> Incident:
    return Incident.objects.create(
        system=row,
        fingerprint=str(Incident.objects.count()),
        title="db is down",
        started_at=timezone.now(),
    )


def ask(incident: Incident | None, **more: Any) -> ActionRequest:
    asked: dict[str, Any] = {"by": "agent", "slug": "restart-db", "target": "db", "run_id": 1, **more}
    return service.propose(
        "tiny",
        asked["slug"],
        asked["target"],
        {},
        requested_by=asked["by"],
        incident_id=incident.pk if incident else None,
        run_id=asked["run_id"],
    )


def unsaved(incident: Incident, system: System | None = None) -> ActionRequest:
    """A request of the agent's as it is before the gate decides on it."""
    return ActionRequest(
        system=system or incident.system,
        incident=incident,
        run_id=1,
        slug="restart-db",
        requested_by="agent",
    )


def test_it_approves_what_it_names_and_is_counted_and_told(
    system: LoadedSystem, row: System, runtime: FakeRuntime
) -> None:
    grant = give(row)
    request = ask(opened(row))
    assert request.status == Status.APPROVED
    assert request.decision.by_policy == "approved in advance for demo a fault, by demo"
    assert AuditEntry.objects.get(verb="action.approved").data["grant"] == grant.pk
    given = AuditEntry.objects.get(verb="policy.grant").data
    assert (given["requester"], given["scope"], given["actions"]) == ("agent", "demo", ["restart-db"])
    assert service.execute(request.pk).status == Status.SUCCEEDED
    assert effects_of(runtime) == ["restart db"]
    grant.refresh_from_db()
    assert grant.used == 1


OTHERS: dict[str, dict[str, Any]] = {
    "another user": {"by": "bob", "run_id": None},
    "an account that is called like the agent": {"run_id": None},
    "another action": {"listed": ["restart-service", "regenerate-db-creds"]},
    "no incident": {"incident": None},
}


@pytest.mark.parametrize("scope", ["demo", "game_day", "schedule", "incident"])
@pytest.mark.parametrize("other", OTHERS)
def test_what_it_does_not_name_waits_for_a_person(
    system: LoadedSystem, row: System, runtime: FakeRuntime, scope: str, other: str
) -> None:
    asked = dict(OTHERS[other])
    more = {"scope": scope, "actions": asked.pop("listed", ["restart-db"])}
    if scope == "incident":
        incident = opened(row)
        grant = give(row, scope_id=incident.pk, **more)
    else:
        grant = give(row, **more)
        incident = opened(row)
    asked = {"incident": incident, **asked}
    request = ask(asked.pop("incident"), **asked)
    assert request.status == Status.WAITING
    assert service.execute(request.pk).status == Status.WAITING
    assert effects_of(runtime) == []
    grant.refresh_from_db()
    assert grant.used == 0


def test_trouble_from_before_is_not_the_game_days(system: LoadedSystem, row: System) -> None:
    before = opened(row)
    give(row, scope="game_day")
    assert ask(before).status == Status.WAITING


def test_an_incidents_grant_is_for_that_incident_while_it_is_open(system: LoadedSystem, row: System) -> None:
    mine, other = opened(row), opened(row)
    give(row, scope="incident", scope_id=mine.pk)
    assert grants.use(unsaved(other)) is None
    assert ask(mine).status == Status.APPROVED
    Incident.objects.filter(pk=mine.pk).update(state="resolved")
    assert grants.use(unsaved(mine)) is None


def test_a_persons_own_grant_is_for_that_person(system: LoadedSystem, row: System) -> None:
    incident = opened(row)
    give(row, scope="incident", scope_id=incident.pk, requester="bob")
    assert ask(incident, by="eve", run_id=None).status == Status.WAITING
    assert grants.use(unsaved(incident)) is None
    assert ask(incident, by="bob", run_id=None).status == Status.APPROVED


def test_an_incident_of_another_system_brings_no_approval(system: LoadedSystem, row: System) -> None:
    give(row)
    elsewhere = System.objects.create(slug="other", title="Other", manifest_path="/nowhere/manifest.yaml")
    assert grants.use(unsaved(opened(elsewhere), row)) is None
    assert grants.use(unsaved(opened(row))) is not None


def _revoked(grant: PolicyGrant, request: ActionRequest) -> None:
    grants.end(grant, "alice")


def _ended(grant: PolicyGrant, request: ActionRequest) -> None:
    PolicyGrant.objects.filter(pk=grant.pk).update(expires_at=Now())


def _narrowed(grant: PolicyGrant, request: ActionRequest) -> None:
    PolicyGrant.objects.filter(pk=grant.pk).update(actions=["restart-service"])


def _of_somebody_else(grant: PolicyGrant, request: ActionRequest) -> None:
    PolicyGrant.objects.filter(pk=grant.pk).update(requester="bob")


def _of_another_incident(grant: PolicyGrant, request: ActionRequest) -> None:
    PolicyGrant.objects.filter(pk=grant.pk).update(scope="incident", scope_id=str(request.incident_id + 1))  # type: ignore[operator]


def _over(grant: PolicyGrant, request: ActionRequest) -> None:
    Incident.objects.filter(action_requests=request).update(state="resolved")


@pytest.mark.parametrize(
    "change", [_revoked, _ended, _narrowed, _of_somebody_else, _of_another_incident, _over]
)
@pytest.mark.parametrize("when", ["claim", "renewal"])
def test_what_no_longer_covers_does_not_run(
    system: LoadedSystem, row: System, runtime: FakeRuntime, change: Any, when: str
) -> None:
    grant = give(row)
    request = ask(opened(row))
    assert request.status == Status.APPROVED
    change(grant, request)
    if when == "renewal":
        ActionRequest.objects.filter(pk=request.pk).update(expires_at=Now())
        renewal.renew(request.pk)
    found = service.execute(request.pk)
    over = when == "claim" or change is _over
    assert found.status == (Status.CANCELLED if over else Status.WAITING)
    if when == "claim":
        assert "the grant for" in found.status_why
    assert effects_of(runtime) == []


def test_one_that_still_covers_is_renewed(system: LoadedSystem, row: System, runtime: FakeRuntime) -> None:
    give(row)
    request = ask(opened(row))
    ActionRequest.objects.filter(pk=request.pk).update(expires_at=Now())
    renewal.renew(request.pk)
    assert service.execute(request.pk).status == Status.SUCCEEDED


LEFT_OPEN: dict[str, dict[str, Any]] = {
    "any action": {"actions": ["*"]},
    "any action among others": {"actions": ["restart-db", "*"]},
    "a pattern": {"actions": ["restart-*"]},
    "an action that is none": {"actions": ["restart-everything"]},
    "no action": {"actions": []},
    "nobody": {"requester": ""},
    "no scope": {"scope": ""},
    "a scope that is none": {"scope": "always"},
    "no run": {"scope_id": ""},
    "an incident that is none": {"scope": "incident", "scope_id": 10**6},
    "no end": {"minutes": 10**6},
    "an end before its beginning": {"minutes": 0},
}


@pytest.mark.parametrize("what", LEFT_OPEN)
def test_one_that_leaves_something_open_is_not_given(system: LoadedSystem, row: System, what: str) -> None:
    with pytest.raises(ValueError, match=r"grant|incident"):
        give(row, **LEFT_OPEN[what])
    assert not PolicyGrant.objects.exists()


def test_the_database_keeps_no_grant_for_everything(system: LoadedSystem, row: System) -> None:
    grant = give(row)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyGrant.objects.filter(pk=grant.pk).update(actions=["*"])
