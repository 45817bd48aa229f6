"""What closed incidents teach, and how far it may reach."""

from __future__ import annotations

import pytest

from knowledge import lessons, service
from knowledge.models import Lesson

pytestmark = pytest.mark.django_db


def _lesson(number: int, cause: str, signals: list[list[str]], *, recovered: bool = True) -> None:
    lessons.record_lesson(
        incident_number=number,
        system_slug="one",
        component="db",
        cause=cause,
        signals=signals,
        actions=[{"action": "restart-db on db", "worked": recovered}],
        recovered=recovered,
        seconds_to_repair=9.0,
    )


def test_a_lesson_is_kept_once_per_incident() -> None:
    _lesson(1, "connection_leak", [["pg_idle_hog", "db"]])
    _lesson(1, "deadlock", [["pg_deadlocks", "db"]])
    assert Lesson.objects.get().cause == "deadlock"
    nothing = lessons.record_lesson(
        incident_number=2,
        system_slug="one",
        component="",
        cause="",
        signals=[],
        actions=[],
        recovered=False,
    )
    assert nothing is None


def test_alike_cases_come_first_and_rare_symptoms_count_more() -> None:
    for number in range(1, 6):
        _lesson(number, "deadlock", [["journey_failed", "edge"], ["pg_deadlocks", "db"]])
    _lesson(6, "connection_leak", [["journey_failed", "edge"], ["pg_idle_hog", "db"]])
    found = lessons.similar([("journey_failed", "edge"), ("pg_idle_hog", "db")])
    assert found[0].incident_number == 6
    assert found[0].similarity == 1.0
    assert lessons.similar([("disk_full", "web")]) == []
    assert lessons.similar([("pg_idle_hog", "db")], system_slug="other") == []


def test_the_boost_of_many_cases_is_capped_and_failures_give_none() -> None:
    for number in range(1, 30):
        _lesson(number, "deadlock", [["pg_deadlocks", "db"]])
    cases = lessons.similar([("pg_deadlocks", "db")], limit=30)
    assert lessons.boosts(cases) == {"db:deadlock": lessons.MAX_BOOST_BITS}
    Lesson.objects.update(recovered=False)
    assert lessons.boosts(lessons.similar([("pg_deadlocks", "db")], limit=30)) == {}


def test_weights_learn_from_verified_incidents_only() -> None:
    service.load_seeds()
    specs = service.active_specs()
    _lesson(1, "long_transaction", [["pg_idle_in_tx", "db"]])
    _lesson(2, "long_transaction", [["pg_idle_in_tx", "db"]], recovered=False)
    lessons.record_lesson(
        incident_number=3,
        system_slug="one",
        component="db",
        cause="long_transaction",
        signals=[["pg_idle_in_tx", "db"]],
        absent=[["pg_long_transaction", "db"]],
        actions=[],
        recovered=True,
    )
    found = lessons.learned(specs)
    assert found["long_transaction", "pg_idle_in_tx"] == (2.0, 0.0)
    assert found["long_transaction", "pg_long_transaction"] == (0.0, 1.0)
    assert ("long_transaction", "pg_dead_tuples") not in found


def test_cure_rates_start_at_two_thirds_and_follow_what_was_measured() -> None:
    assert lessons.cure_rate("deadlock", "pause-job") == pytest.approx(2 / 3)
    for worked in (True, False, False, False):
        lessons.record_outcome("deadlock", "pause-job", worked=worked)
    assert lessons.cure_rate("deadlock", "pause-job") == pytest.approx(3 / 7)
    assert lessons.outcome_stats("deadlock")[0]["failures"] == 3
    lessons.record_outcome("", "pause-job", worked=True)
    assert len(lessons.outcome_stats("deadlock")) == 1
    assert service.usage("deadlock")["fixes"] == [{"action": "pause-job", "worked": 1, "failed": 3}]
