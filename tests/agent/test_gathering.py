"""Incidents are explanations: two faults at once are two incidents with two runs, and one cause makes two into one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from django.utils import timezone

from actions.models import ActionRequest
from agent import gathering, roles
from agent import service as agent
from agent.models import Run
from agent.reasoner import Diagnosis, Evidence, Hypothesis
from agent.roles.validator import MeasuringValidator
from incidents import service as incidents
from incidents.facts import HandedOver
from incidents.models import OPEN_STATES, Incident, State, Symptom, TimelineEvent
from tests.agent.world import World, finding, path


def held(world: World, incident: Incident | None, signal: str, service: str) -> Symptom:
    now = timezone.now()
    return Symptom.objects.create(
        system=world.system, incident=incident, signal=signal, service=service, title=f"{service}: {signal}",
        first_seen=now, last_seen=now,
    )  # fmt: skip


def causes(*told: tuple[str, Iterable[str]]) -> Diagnosis:
    """(component, the signals at it that it explains), all equally likely."""
    leading = tuple(
        Hypothesis(
            component, "broken", "", 0.9, f"{component} is broken", "",
            evidence_for=tuple(Evidence(s, component, s, 4.0) for s in signals),
        )
        for component, signals in told
    )  # fmt: skip
    return Diagnosis(leading, 0.05, (), 1.0, leading)


@pytest.fixture
def thought(monkeypatch: pytest.MonkeyPatch) -> list[Diagnosis]:
    """What the looks think: the last one that was put in."""
    said = [causes()]
    monkeypatch.setattr(gathering, "diagnosis", lambda incident, states: said[-1])
    gathering._held.clear()
    return said


def looked(world: World, times: int) -> list[Incident]:
    for _ in range(times):
        world.tick()
        gathering.sweep()
    return list(Incident.objects.filter(state__in=OPEN_STATES).order_by("number"))


def services_of(incident: Incident) -> list[str]:
    return sorted(incident.symptoms.filter(cleared_at=None).values_list("service", flat=True))


def acted(world: World) -> tuple[Incident, Run]:
    """An incident of web that was mended there, and is being measured."""
    incident = world.open()
    run = world.start(incident)
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    return incident, world.drive(run, until=lambda: Incident.objects.get().state == State.VERIFYING)


TWO = causes(("web", ["http_unreachable"]), ("db", ["pg_unreachable"]))


def test_two_faults_are_two_incidents_once_it_has_held(world: World, thought: list[Diagnosis]):
    first = world.open()
    held(world, first, "pg_unreachable", "db")
    thought.append(TWO)
    assert len(looked(world, gathering.HOLD - 1)) == 1
    one, other = looked(world, 1)
    assert (services_of(one), services_of(other)) == (["web"], ["db"])
    assert other.title == "db: pg_unreachable"
    for incident, beside in ((one, other), (other, one)):
        notes = TimelineEvent.objects.filter(incident=incident, kind="note")
        assert [n.facts.beside for n in notes] == [beside.number]  # type: ignore[union-attr]
    agent.sweep()
    assert Run.objects.filter(incident=other).count() == 1
    assert looked(world, 2 * gathering.HOLD) == [one, other]  # and so it stays


def test_a_look_that_says_otherwise_begins_the_count_anew(world: World, thought: list[Diagnosis]):
    held(world, world.open(), "pg_unreachable", "db")
    for said in (TWO, causes(), TWO):
        thought.append(said)
        assert len(looked(world, gathering.HOLD - 1)) == 1


def test_a_starved_watcher_tells_nothing_apart(world: World, thought: list[Diagnosis]):
    """Neither does what it reads count for a split, nor does it begin the count anew."""
    held(world, world.open(), "pg_unreachable", "db")
    thought.append(TWO)
    assert len(looked(world, gathering.HOLD - 1)) == 1
    world.starved = True
    assert len(looked(world, 3 * gathering.HOLD)) == 1
    thought.append(causes())
    looked(world, 2)
    world.starved = False
    thought.append(TWO)
    assert len(looked(world, 1)) == 2


def test_a_starved_watcher_makes_nothing_one(world: World, thought: list[Diagnosis]):
    held(world, world.open(), "pg_unreachable", "db")
    thought.append(TWO)
    assert len(looked(world, gathering.HOLD)) == 2
    world.starved = True
    thought.append(causes(("db", ["pg_unreachable", "http_unreachable"])))
    assert len(looked(world, 3 * gathering.HOLD)) == 2


def test_one_cause_of_both_makes_them_one(world: World, thought: list[Diagnosis]):
    held(world, world.open(), "pg_unreachable", "db")
    thought.append(TWO)
    one, other = looked(world, gathering.HOLD)
    thought.append(causes(("db", ["pg_unreachable"])))  # that web does not answer follows from it
    (left,) = looked(world, gathering.HOLD)
    assert services_of(left) == ["db", "web"]
    gone = ({one.number, other.number} - {left.number}).pop()
    closed = Incident.objects.get(pk=gone)
    assert (closed.state, closed.merged_into_id) == (State.RESOLVED, left.number)


def test_what_may_come_from_our_own_effect_is_not_moved_while_that_is_measured(
    world: World, thought: list[Diagnosis]
):
    incident = world.open()
    held(world, incident, "pg_unreachable", "db")
    thought.append(TWO)
    run = world.start(incident)
    world.findings = [finding("stuck", 0.95, path("mend db"))]
    world.drive(run, until=lambda: Incident.objects.get().state == State.VERIFYING)
    Incident.objects.update(component="db")  # web, which needs it, would have to go
    assert len(looked(world, 2 * gathering.HOLD)) == 1
    Incident.objects.update(component="web")  # what was acted on is the other one's part
    assert len(looked(world, 2 * gathering.HOLD)) == 1


def test_what_has_another_cause_goes_while_the_first_one_is_measured(world: World, thought: list[Diagnosis]):
    incident = world.open()
    held(world, incident, "pg_unreachable", "db")
    thought.append(TWO)
    run = world.start(incident)
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.drive(run, until=lambda: Incident.objects.get().state == State.VERIFYING)
    one, other = looked(world, gathering.HOLD)
    assert (services_of(one), services_of(other)) == (["web"], ["db"])


def test_what_came_since_it_was_acted_goes_even_when_nothing_else_is_left(
    world: World, thought: list[Diagnosis]
):
    """The first one is over by what was done for it; what held when that was planned stays with it."""
    incident, run = acted(world)
    late = held(world, incident, "pg_unreachable", "db")
    world.symptoms().filter(service="web").update(cleared_at=timezone.now())
    thought.append(causes(("db", ["pg_unreachable"])))
    run.refresh_from_db()
    run.case.before.append("pg_unreachable@db")
    run.save()
    assert looked(world, 2 * gathering.HOLD) == [incident]
    run.case.before.remove("pg_unreachable@db")
    run.save()
    one, other = looked(world, gathering.HOLD)
    late.refresh_from_db()
    assert (one, late.incident) == (incident, other)


def test_what_failed_before_the_act_and_shows_just_after_it_is_no_other_trouble(
    world: World, thought: list[Diagnosis]
):
    """A share of failed requests is over a while: the last of it shows when the cause is gone already."""
    incident, _ = acted(world)
    held(world, incident, "app_errors", "web")
    world.symptoms().filter(signal="http_unreachable").update(cleared_at=timezone.now())
    (broken,) = causes(("db", [])).leading
    broken = dataclasses.replace(broken, evidence_for=(Evidence("app_errors", "web", "", 4.0),))
    thought.append(dataclasses.replace(causes(), leading=(broken,)))
    assert looked(world, 2 * gathering.HOLD) == [incident]
    long_ago = timezone.now() - 2 * gathering.LINGERS
    ActionRequest.objects.update(claimed_at=long_ago, finished_at=long_ago)
    Incident.objects.update(opened_at=long_ago)
    one, other = looked(world, gathering.HOLD)
    assert (services_of(one), services_of(other)) == ([], ["web"])


def test_what_is_only_measured_stays_one_when_its_cause_is_found(world: World, thought: list[Diagnosis]):
    """Nothing was done for it: it seemed to be over by itself, and came back."""
    incident = world.open()
    Incident.objects.filter(pk=incident.pk).update(state=State.VERIFYING)
    thought.append(causes(("web", ["http_unreachable"])))
    assert looked(world, 2 * gathering.HOLD) == [incident]


def test_what_a_person_has_keeps_its_symptoms(world: World, thought: list[Diagnosis]):
    incident = world.open()
    held(world, incident, "pg_unreachable", "db")
    thought.append(TWO)
    Incident.objects.filter(pk=incident.pk).update(state=State.HANDED_OVER, agent_stopped=True)
    assert len(looked(world, 2 * gathering.HOLD)) == 1
    Incident.objects.filter(pk=incident.pk).update(agent_stopped=False)
    assert len(looked(world, gathering.HOLD * gathering.HANDED_EVERY)) == 2


def test_each_run_thinks_of_its_own_trouble_and_is_over_by_its_own(
    world: World, thought: list[Diagnosis], monkeypatch: pytest.MonkeyPatch
):
    """The other one is neither evidence here nor in the way of the proof that this one is over."""
    first = world.open()
    held(world, first, "pg_unreachable", "db")
    thought.append(TWO)
    one, _ = looked(world, gathering.HOLD)
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    run = world.start(one)
    monkeypatch.setattr(roles, "validator", MeasuringValidator)
    world.drive(run, until=lambda: world.effects() == ["mend@web"])
    world.symptoms().filter(service="web").update(cleared_at=timezone.now())
    run = world.drive(run)
    one.refresh_from_db()
    assert (run.outcome, one.state) == ("recovered", State.RESOLVED)
    assert all("pg_unreachable" not in key for key in run.case.before)
    assert Symptom.objects.get(service="db").cleared_at is None


def test_what_comes_joins_the_incident_that_has_trouble_of_the_same_part(
    world: World, thought: list[Diagnosis]
):
    held(world, world.open(), "pg_unreachable", "db")
    thought.append(TWO)
    one, other = looked(world, gathering.HOLD)
    for service, owner in (("db", other), ("web", one)):
        late = held(world, None, "tcp_refused", service)
        found = incidents.open_or_join(world.system.pk, "web", [late])
        assert found == owner


def test_what_was_handed_over_without_a_cause_is_taken_back_once_there_is_one(
    world: World, thought: list[Diagnosis]
):
    incident = world.open()
    run = world.drive(world.start(incident), most=200)
    incident.refresh_from_db()
    assert (run.outcome, incident.state, incident.cause) == ("handed_over", State.HANDED_OVER, "")

    def swept(times: int) -> str:
        for _ in range(times):
            world.tick()
            agent.sweep()
        return Incident.objects.get().state

    assert swept(3 * gathering.HANDED_EVERY) == State.HANDED_OVER
    thought.append(causes(("web", ["http_unreachable"])))
    assert swept(gathering.HOLD * gathering.HANDED_EVERY) == State.DIAGNOSING
    assert Run.objects.filter(incident=incident).count() == 2
    title = TimelineEvent.objects.filter(incident=incident, kind="state").last().title  # type: ignore[union-attr]
    assert title == "Looking again: web is broken on web, now likely enough"
    world.drive(Run.objects.filter(incident=incident).latest("pk"), most=200)
    assert (
        swept(2 * gathering.HOLD * gathering.HANDED_EVERY) == State.HANDED_OVER
    )  # its own run thinks otherwise


def test_what_was_as_likely_when_it_was_handed_over_is_no_news(world: World, thought: list[Diagnosis]):
    """Handed over because the part itself says what is wrong, or because nothing may be done: not again and again."""
    incident = world.open()
    world.drive(world.start(incident), most=200)
    thought.append(causes(("web", ["http_unreachable"])))
    event = TimelineEvent.objects.filter(incident=incident, kind="handover").last()
    assert event is not None and isinstance(event.facts, HandedOver)
    known = event.facts.model_copy(update={"findings": [finding("broken", 0.9)]})
    TimelineEvent.objects.filter(pk=event.pk).update(data=known.stored())
    for _ in range(2 * gathering.HOLD * gathering.HANDED_EVERY):
        world.tick()
        agent.sweep()
    assert Incident.objects.get().state == State.HANDED_OVER
