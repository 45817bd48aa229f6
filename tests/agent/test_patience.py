"""How long it is measured whether an effect helped: what counts as a change for the better, and when it is enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent import patience
from agent.case import Case, Measuring
from agent.context import symptom_key
from incidents.evidence import SignalState
from incidents.signals import CATALOG

START = datetime(2026, 1, 1, tzinfo=UTC)


def looks(signal: str, values: list[float]) -> Measuring:
    """What is counted of so many looks at one symptom that goes on holding, beside one that went at once."""
    key = symptom_key(signal, "worker", "")
    case = Case(before=[key, symptom_key("oom_killed", "worker", "")])
    count = Measuring(since=START)
    for number, value in enumerate(values):
        at = START + timedelta(seconds=1 + number)
        state = SignalState(signal, "worker", "", True, value, "", at, "state", fresh=at)
        patience.note(case, count, [state], [key], at)
    return count


@pytest.mark.parametrize("code", [-9.0, 0.0, 1.0, 137.0])
def test_an_exit_code_that_stays_as_it_is_gets_no_better(code: float) -> None:
    count = looks("exit_nonzero", [code] * patience.PATIENCE)
    assert count.better == 1 and not patience.is_too_early(count, cleared=True)


def test_a_backlog_that_gets_smaller_is_waited_for() -> None:
    falling = [1000 * 0.9**number for number in range(patience.PATIENCE)]
    assert patience.is_too_early(looks("queue_growing", falling), cleared=True)
    assert not patience.is_too_early(looks("queue_growing", [1000.0] * patience.PATIENCE), cleared=True)


@pytest.mark.parametrize("drains", [True, False])
def test_the_oldest_of_a_queue_that_drains_is_waited_for(drains: bool) -> None:
    """It gets older until its turn comes; that the queue is no longer too long is over long before."""
    age, length = symptom_key("queue_stuck", "redis", "q"), symptom_key("queue_deep", "redis", "q")
    case, count = Case(before=[age, length]), Measuring(since=START)
    for number in range(patience.PATIENCE - 1):
        at = START + timedelta(seconds=1 + number)
        left = 400.0 - 8 * number if drains or number < 4 else 368.0
        states = [
            SignalState("queue_stuck", "redis", "q", True, 12.0 + number, "", at, "state", fresh=at),
            SignalState("queue_deep", "redis", "q", number < 4, left, "", at, "state", fresh=at),
        ]
        patience.note(case, count, states, [age] if number >= 4 else [age, length], at)
    assert patience.is_too_early(count, cleared=True) is drains


def test_what_is_told_over_late_is_waited_for() -> None:
    """A table is back, and the sign of it goes only after so many looks: as long nothing says that it did not help."""
    late = CATALOG["pg_tables_missed"].clear
    assert late.ticks >= patience.NO_CHANGE, "else nothing is shown by this"
    key = symptom_key("pg_tables_missed", "worker", "")
    case, count = Case(before=[key]), Measuring(since=START)
    for number in range(int(late.ticks) + patience.SLOWEST):
        assert patience.is_too_early(count, cleared=False), number
        at = START + timedelta(seconds=1 + number)
        state = SignalState("pg_tables_missed", "worker", "", True, 1.0, "", at, "state", fresh=at)
        patience.note(case, count, [state], [key], at)
    assert not patience.is_too_early(count, cleared=False)


@pytest.mark.parametrize("flapping", [1, patience.CAME_BACK])
def test_what_comes_and_goes_is_not_getting_better(flapping: int) -> None:
    """A breaker lets through for a while, again and again: each time something is over, and none of it stays so."""
    keys = [symptom_key("http_errors", f"web-{n}", "") for n in range(12)]
    case, count = Case(before=keys), Measuring(since=START)
    for number in range(30):
        at = START + timedelta(seconds=1 + number)
        gone = number // 4 + 1  # ever more of them have gone
        back = flapping if number % 8 >= 6 else 0
        active = [*keys[:back], *keys[gone + 1 :]]
        states = [
            SignalState("http_errors", f"web-{n}", "", keys[n] in active, 1.0, "", at, "probe", fresh=at)
            for n in range(12)
        ]
        patience.note(case, count, [s for s in states if s.value], active, at)
    assert patience.is_too_early(count, cleared=True) is (flapping < patience.CAME_BACK)


def test_a_trend_shows_again_only_after_a_process_has_run_for_a_while() -> None:
    assert patience.shows_again_s(["unit_down@web", "no_such@web"]) == 0
    assert patience.shows_again_s(["unit_down@web", "rss_growing@web#x"]) >= 30
