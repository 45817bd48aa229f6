"""The full grid of from x to, and that one of many movers wins."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from incidents import lifecycle
from incidents.lifecycle import TRANSITIONS, IllegalTransition
from incidents.models import Incident, State, TimelineEvent
from tests.incidents.conftest import commits

GRID = [(a, b) for a in State for b in State]


@pytest.mark.django_db
@pytest.mark.parametrize(("start", "to"), GRID)
def test_grid(incident: Incident, start: State, to: State) -> None:
    Incident.objects.filter(pk=incident.pk).update(state=start)
    if to in TRANSITIONS[start]:
        event = lifecycle.transition(incident.pk, to, title="moved")
        assert event is not None
        assert (event.seq, event.kind, event.data) == (1, "state", {"from": start, "to": to})
        expected = to
    elif to == start:
        assert lifecycle.transition(incident.pk, to) is None
        expected = start
    else:
        with pytest.raises(IllegalTransition, match="cannot go from"):
            lifecycle.transition(incident.pk, to)
        expected = start
    incident.refresh_from_db()
    assert incident.state == expected
    assert (incident.resolved_at is not None) == (expected == to == State.RESOLVED != start)
    assert TimelineEvent.objects.filter(incident=incident).count() == (to in TRANSITIONS[start])


@pytest.mark.django_db
def test_expect_is_compared(incident: Incident) -> None:
    assert lifecycle.transition(incident.pk, State.HANDED_OVER, expect=State.ACTING) is None
    assert lifecycle.transition(incident.pk, State.HANDED_OVER, expect={State.DETECTING}) is not None


@pytest.mark.django_db
def test_every_open_state_can_reach_the_end() -> None:
    for start in State:
        seen, todo = {start}, [start]
        while todo:
            for state in TRANSITIONS[todo.pop()] - seen:
                seen.add(state)
                todo.append(state)
        assert State.RESOLVED in seen
    assert TRANSITIONS[State.RESOLVED] == frozenset()


@pytest.mark.django_db
def test_unknown_incident() -> None:
    with pytest.raises(Incident.DoesNotExist):
        lifecycle.transition(987654, State.RESOLVED)


@commits
def test_sixteen_movers_one_event(incident: Incident) -> None:
    barrier = threading.Barrier(16)
    won: list[TimelineEvent | None] = []

    def move() -> None:
        barrier.wait()
        try:
            won.append(lifecycle.transition(incident.pk, State.DIAGNOSING, expect=State.DETECTING))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=move) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 16
    assert sum(event is not None for event in won) == 1
    assert TimelineEvent.objects.filter(incident=incident).count() == 1
