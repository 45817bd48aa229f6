"""The journal: one worker at a time, nothing committed after losing the lease, and a sweep that finds what was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from agent import journal, loop
from agent import service as agent
from agent.case import Case
from agent.journal import LeaseLost, Outcome
from agent.models import Phase, Run, Step
from incidents.figures import windows
from incidents.models import Incident
from systems.models import System
from tests.agent.world import World, finding, path

RACERS = 16


def race(work: Callable[[], Any], ways: int = RACERS) -> list[Any]:
    """Run `work` on that many threads at the same moment; what each returned."""
    gate, found = threading.Barrier(ways), []

    def one() -> None:
        try:
            connections["default"].ensure_connection()
            gate.wait(30)
            found.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(ways)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == ways
    return found


def expire(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_of_sixteen_workers_one_claims(world: World):
    for _ in range(5):
        run = world.start(world.open())
        won = [r for r in race(lambda pk=run.pk: journal.claim(pk)) if r is not None]
        assert len(won) == 1
        assert won[0].lease_token == 1
        Incident.objects.all().delete()
        world.clear()


def test_of_sixteen_starts_one_run_lives(world: World):
    incident = world.open()
    assert len([r for r in race(lambda: journal.start(incident.number)) if r is not None]) == 1
    assert Run.objects.count() == 1


def test_a_held_lease_is_not_claimed_and_an_expired_one_is(world: World):
    run = world.start(world.open())
    first = journal.claim(run.pk)
    assert first is not None
    assert journal.claim(run.pk) is None
    assert journal.due() == []
    expire(run)
    assert journal.due() == [run.pk]
    second = journal.claim(run.pk)
    assert second is not None
    assert second.lease_token == first.lease_token + 1


def test_what_is_not_due_or_done_is_not_claimed(world: World):
    run = world.start(world.open())
    Run.objects.update(due_at=timezone.now() + timedelta(hours=1))
    assert journal.claim(run.pk) is None
    Run.objects.update(due_at=timezone.now(), phase=Phase.DONE)
    assert journal.claim(run.pk) is None
    assert journal.claim(run.pk + 1000) is None


def test_who_lost_the_lease_commits_nothing(world: World):
    run = world.start(world.open())
    slow = journal.claim(run.pk)
    assert slow is not None
    expire(run)
    fast = journal.claim(run.pk)
    assert fast is not None
    slow.case.acted = ["too late"]
    with pytest.raises(LeaseLost):
        journal.commit(slow, Outcome(Phase.PLAN, "too late"), timezone.now())
    with pytest.raises(LeaseLost):
        journal.renew(slow)
    journal.release(slow, 0.0)  # gives nothing back that is not its own
    journal.commit(fast, Outcome(Phase.DIAGNOSE, "in time"), timezone.now())
    run.refresh_from_db()
    assert world.steps(run) == ["in time"]
    assert (run.phase, run.case) == (Phase.DIAGNOSE, Case())
    assert run.lease_until is not None


def test_a_waiting_outcome_gives_the_lease_back_and_keeps_the_case(world: World):
    run = world.start(world.open())
    held = journal.claim(run.pk)
    assert held is not None
    held.case.looks.ill = 3
    journal.commit(held, Outcome(Phase.DIAGNOSE, wait_s=30.0), timezone.now())
    run.refresh_from_db()
    assert (run.lease_until, run.case.looks.ill, world.steps(run)) == (None, 3, [])
    assert run.due_at is not None
    assert run.due_at > timezone.now()


def test_a_wake_up_of_the_incident_makes_a_waiting_run_due(world: World):
    run = world.start(world.open())
    Run.objects.update(due_at=timezone.now() + timedelta(hours=1))
    journal.wake_incident(run.incident_id)
    assert journal.due() == [run.pk]


def test_a_lost_wake_up_is_made_good_by_the_sweep(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: "mend@web" in effects
    run = world.start(world.open())
    world.wakes.clear()  # every message so far is lost
    for _ in range(60):
        run.refresh_from_db()
        if run.phase == Phase.DONE:
            break
        world.tick()
        Run.objects.filter(pk=run.pk).exclude(phase=Phase.DONE).update(due_at=timezone.now())
        for woken in agent.sweep():
            loop.advance(woken)
    assert (run.outcome, world.effects()) == ("recovered", ["mend@web"])


def test_wake_ups_delivered_sixteen_times_at_once_change_nothing(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    run = world.start(world.open())
    for _ in range(40):
        run.refresh_from_db()
        if run.phase == Phase.DONE:
            break
        world.tick()
        Run.objects.filter(pk=run.pk).exclude(phase=Phase.DONE).update(due_at=timezone.now())
        race(lambda: loop.advance(run.pk))
    assert world.effects() == ["mend@web", "undo mend@web", "patch@web"]
    assert world.seqs(run) == list(range(1, Step.objects.filter(run=run).count() + 1))
    assert run.outcome == "recovered"


def test_a_late_wake_up_of_a_finished_run_does_nothing(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: "mend@web" in effects
    run = world.drive(world.start(world.open()))
    before = world.steps(run)
    Run.objects.update(due_at=timezone.now())
    loop.advance(run.pk)
    assert world.steps(run) == before
    assert world.effects() == ["mend@web"]


def test_an_incident_whose_start_was_lost_still_gets_its_run(world: World):
    incident = world.open()
    agent.sweep()
    run = Run.objects.get(incident=incident)
    assert run.phase == Phase.OBSERVE


def test_where_the_agent_only_watches_a_run_looks_and_explains(world: World):
    System.objects.update(agent_on=False)
    incident = world.open()
    agent.on_opened(incident.number)
    agent.sweep()
    assert Run.objects.count() == 1


def test_a_handed_over_incident_closes_once_calm(world: World, monkeypatch: pytest.MonkeyPatch):
    incident = world.open()
    Incident.objects.update(state="handed_over")
    agent.sweep()
    assert Incident.objects.get().is_open
    world.clear()
    agent.sweep()
    assert Incident.objects.get().is_open  # gone this moment is not yet calm
    monkeypatch.setattr(agent, "CALM_S", 0.0)
    agent.sweep()
    assert Incident.objects.get().is_open  # nobody has looked since
    world.tick()
    agent.sweep()
    incident.refresh_from_db()
    assert not incident.is_open


def test_what_cannot_be_read_any_more_is_not_over(world: World, monkeypatch: pytest.MonkeyPatch):
    incident = world.open()
    monkeypatch.setattr(agent, "CALM_S", 0.0)
    Incident.objects.update(state="handed_over")
    world.symptoms().update(cleared_at=timezone.now(), given_up=True)
    world.tick(web="unknown")
    agent.sweep()
    assert Incident.objects.get().is_open  # nobody sees how that part does
    world.tick(web="ok")
    agent.sweep()
    incident.refresh_from_db()
    assert not incident.is_open
    said = incident.events.filter(kind="state").last()
    assert said is not None and said.title.startswith(
        "Over as far as can be seen; not read any more: web does not answer"
    )
    assert windows(incident).green is None, "when it was over, nobody saw"
