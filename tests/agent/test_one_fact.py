"""Where an incident stands and whether a run works on it are one fact, whoever acts at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from agent import journal, service
from agent.models import Phase, Run
from agent.phases import explain
from incidents.models import Incident, State, Symptom
from tests.agent.world import World

UNDER_WAY = [s.value for s in service.UNDER_WAY]


def shows_something_new(incident: Incident) -> None:
    at = timezone.now() + timedelta(seconds=60)
    Symptom.objects.create(
        system=incident.system,
        incident=incident,
        signal="log_errors",
        service="db",
        title="db writes errors",
        first_seen=at,
        last_seen=at,
    )


def together(*works: Callable[[], None]) -> None:
    gate, failed = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], None]) -> None:
        try:
            gate.wait(10)
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []


def test_handing_over_while_it_is_looked_at_again_leaves_no_incident_alone(world: World) -> None:
    incident = world.open()
    for _ in range(200):
        Run.objects.all().delete()
        Symptom.objects.all().delete()
        Incident.objects.filter(pk=incident.pk).update(state=State.DIAGNOSING)
        run = journal.start(incident.pk)
        assert run is not None
        claimed = journal.claim(run.pk)
        assert claimed is not None
        shows_something_new(incident)

        def hand_over(claimed: Run = claimed) -> None:
            journal.commit(claimed, explain.hand_over(claimed, "nothing fits"), timezone.now())

        def look() -> None:
            for _ in range(3):
                service._look_again()

        together(hand_over, look)
        state = Incident.objects.get(pk=incident.pk).state
        live = Run.objects.filter(incident=incident).exclude(phase=Phase.DONE).count()
        assert (state in UNDER_WAY) == (live == 1), (state, live)


def test_a_hand_over_that_is_not_committed_moved_nothing(world: World) -> None:
    incident = world.open()
    Incident.objects.filter(pk=incident.pk).update(state=State.DIAGNOSING)
    run = world.start(incident)
    claimed = journal.claim(run.pk)
    assert claimed is not None
    outcome = explain.hand_over(claimed, "nothing fits")
    Run.objects.filter(pk=run.pk).update(lease_token=99)  # another worker has it since
    with pytest.raises(journal.LeaseLost):
        journal.commit(claimed, outcome, timezone.now())
    assert Incident.objects.get(pk=incident.pk).state == State.DIAGNOSING
    assert not incident.events.filter(kind="handover").exists()


@pytest.mark.parametrize("state", UNDER_WAY)
def test_every_open_incident_without_a_live_run_gets_one(world: World, state: str) -> None:
    incident = world.open()
    Run.objects.create(incident=incident, phase=Phase.DONE, outcome="stopped", ended_at=timezone.now())
    Incident.objects.filter(pk=incident.pk).update(state=state)
    service.sweep()
    assert Run.objects.filter(incident=incident).exclude(phase=Phase.DONE).count() == 1


def test_a_person_or_a_switch_keeps_the_agent_out(world: World) -> None:
    incident = world.open()
    Incident.objects.filter(pk=incident.pk).update(state=State.DIAGNOSING, agent_stopped=True)
    service.sweep()
    assert not Run.objects.filter(incident=incident).exists()
