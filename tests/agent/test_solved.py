"""Two troubles that were taken for one: the mended one is told to its end, the other is an incident of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from agent import solved
from agent.models import Run
from incidents.findings import Evidence
from incidents.models import Incident, State, Symptom
from knowledge.models import OutcomeStat
from tests.agent.world import World, finding, path

pytestmark = pytest.mark.django_db


def also(world: World, incident: Incident, service: str = "db") -> Symptom:
    now = timezone.now()
    return Symptom.objects.create(
        system=world.system, incident=incident, signal="unit_down", service=service,
        title=f"{service} is down", first_seen=now, last_seen=now,
    )  # fmt: skip


def mended(world: World, other: Any) -> tuple[Run, Incident]:
    """The first cause is repaired, and what it was said to show is gone; then `other` leads."""
    incident = world.open()
    also(world, incident)
    sign = Evidence(text="refused", weight=4.0, source="probe", signal="http_unreachable", service="web")
    world.findings = [finding("stuck", 0.9, path("mend web")).model_copy(update={"pro": [sign]})]
    world.helped = lambda effects: len(effects)
    run = world.start(incident)
    world.drive(run, until=lambda: bool(world.effects()))
    Symptom.objects.filter(signal="http_unreachable").update(cleared_at=timezone.now())
    world.findings = [other]
    return run, incident


def test_what_still_holds_has_its_own_story(world: World) -> None:
    run, incident = mended(world, finding("dead", 0.9, path("patch db"), component="db"))
    world.cured = lambda effects: Incident.objects.count() > 1
    world.drive(run)
    incident.refresh_from_db()
    assert (incident.state, incident.component, incident.cause) == (State.RESOLVED, "web", "stuck")
    second = Incident.objects.exclude(pk=incident.pk).get()
    (symptom,) = second.symptoms.all()
    assert symptom.service == "db" and second.state not in (State.RESOLVED, State.HANDED_OVER)
    assert world.effects() == ["mend@web"], "what is done for the other is done by its own run"
    assert not incident.verdict.failed
    assert OutcomeStat.objects.get(cause="stuck", action="mend").successes == 1, "one repair is one success"


def test_what_its_users_still_feel_is_of_the_other(world: World) -> None:
    """Both broke the journeys of the users: of one they all failed, of the other some do still."""
    incident = world.open()
    also(world, incident)
    felt = Symptom.objects.create(
        system=world.system, incident=incident, signal="app_errors", service="web", title="web fails",
        first_seen=timezone.now(), last_seen=timezone.now(),
    )  # fmt: skip
    signs = [
        Evidence(text="refused", weight=4.0, source="probe", signal="http_unreachable", service="web"),
        Evidence(text="fails", weight=1.0, source="probe", signal=felt.signal, service=felt.service),
    ]
    world.findings = [finding("stuck", 0.9, path("mend web")).model_copy(update={"pro": signs})]
    world.helped = lambda effects: len(effects)
    run = world.start(incident)
    world.drive(run, until=lambda: bool(world.effects()))
    Symptom.objects.filter(signal="http_unreachable").update(cleared_at=timezone.now())
    world.findings = [finding("dead", 0.9, path("patch db"), component="db")]
    world.cured = lambda effects: Incident.objects.count() > 1
    world.drive(run)
    incident.refresh_from_db()
    assert (incident.state, incident.cause) == (State.RESOLVED, "stuck")
    assert Incident.objects.exclude(pk=incident.pk).exists()


def test_what_opens_nothing_by_itself_does_not_tell_whether_it_helped(world: World) -> None:
    """A changed file is a sign of its part as well, and never among what held when it was planned."""
    run = world.start(world.open())
    signs = [
        Evidence(text=s, weight=2.0, source="state", signal=s, service="web")
        for s in ("config_drift", "http_unreachable", "app_errors")
    ]
    found = finding("changed", 0.9, path("mend web")).model_copy(update={"pro": signs})
    assert solved.signs(run, found) == {"http_unreachable@web"}
    rest = found.model_copy(update={"pro": [signs[0], signs[2]]})
    assert solved.signs(run, rest) == {"config_drift@web", "app_errors@web"}


def test_what_nobody_knows_the_cause_of_is_another_trouble_all_the_same(world: World) -> None:
    """It is looked into anew, and a person is called to it and not to what is mended."""
    run, incident = mended(world, finding("dead", 0.4, component="db"))
    world.cured = lambda effects: Incident.objects.count() > 1
    world.drive(run)
    incident.refresh_from_db()
    assert (incident.state, incident.cause) == (State.RESOLVED, "stuck")
    second = Incident.objects.exclude(pk=incident.pk).get()
    assert [s.service for s in second.symptoms.all()] == ["db"] and second.is_open


def test_what_goes_by_itself_before_its_cause_is_known_leaves_the_story_of_what_was_mended(
    world: World,
) -> None:
    run, incident = mended(world, finding("dead", 0.2, component="db"))
    world.drive(run, until=lambda: run.case.solved is not None)
    world.drive(run, until=lambda: Incident.objects.get().component != "web")
    world.cured = lambda effects: True
    Symptom.objects.update(cleared_at=timezone.now())
    world.drive(run)
    incident.refresh_from_db()
    assert (incident.state, incident.component, incident.cause) == (State.RESOLVED, "web", "stuck")
    assert Incident.objects.count() == 1 and world.effects() == ["mend@web"]
    assert OutcomeStat.objects.get(cause="stuck", action="mend").successes == 1


def test_another_cause_of_the_same_part_is_the_same_trouble(world: World) -> None:
    run, incident = mended(world, finding("dead", 0.9, path("patch web")))
    world.drive(run, until=lambda: len(world.effects()) > 1)
    assert Incident.objects.get() == incident


def test_what_is_back_was_not_mended(world: World) -> None:
    run, incident = mended(world, finding("dead", 0.9, path("patch db"), component="db"))
    Symptom.objects.filter(signal="http_unreachable").update(cleared_at=None)
    world.drive(run, until=lambda: len(world.effects()) > 1)
    assert Incident.objects.get() == incident


def test_what_was_done_after_it_in_the_same_incident_is_not_forgotten(world: World) -> None:
    """A third cause does not lead back to the first attempt, as if nothing had been done between."""
    run, incident = mended(world, finding("dead", 0.9, path("patch web")))
    world.drive(run, until=lambda: run.case.solved is not None)
    world.drive(run, until=lambda: "patch@web" in world.effects())
    assert run.case.solved is None and Incident.objects.get() == incident
