"""What closed incidents teach, and how far it may reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.reasoner.causes import weight_of
from knowledge import lessons, service
from knowledge.models import Lesson
from knowledge.spec import WORDS, RunbookSpec, split_key
from systems.graph import SystemGraph

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


GRAPH = SystemGraph(
    {"edge": "proxy", "web": "http", "db": "postgres", "far": "postgres"}, {"edge": ["web"], "web": ["db"]}
)


def test_weights_learn_from_verified_incidents_of_this_system_only() -> None:
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
    found = lessons.learned(specs, "one", GRAPH)
    assert found["long_transaction", "pg_idle_in_tx"] == (2.0, 0.0)
    assert found["long_transaction", "pg_long_transaction"] == (0.0, 1.0)
    assert ("long_transaction", "pg_dead_tuples") not in found
    assert lessons.learned(specs, "two", GRAPH) == {}


@dataclass
class _Case:
    component: str
    cause: str
    signals: list[tuple[str, str]]
    absent: list[tuple[str, str]]


SPEC = RunbookSpec(
    id="jam",
    title="A jam",
    category="database",
    applies_to=["postgres"],
    summary="It is jammed.",
    symptoms={
        "pg_blocked": "usual",
        "http_slow@callers": "rare",
        "journey_failed@any": "often",
        "tcp_refused": "rare",
    },
)


def test_a_sign_counts_only_where_its_scope_means() -> None:
    def told(*, held: Sequence[tuple[str, str]] = (), absent: Sequence[tuple[str, str]] = ()) -> object:
        return lessons.counted([SPEC], [_Case("db", "jam", [*held], [*absent])], GRAPH)

    assert told(held=[("http_slow", "web")]) == {("jam", "http_slow@callers"): (1.0, 0.0)}
    assert told(held=[("http_slow", "far")], absent=[("http_slow", "edge")]) == {
        ("jam", "http_slow@callers"): (0.0, 1.0)
    }
    assert told(held=[("pg_blocked", "far"), ("http_slow", "db")]) == {}
    assert told(held=[("journey_failed", "far")]) == {("jam", "journey_failed@any"): (1.0, 0.0)}


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(["pg_blocked", "http_slow", "journey_failed", "cpu_hot"]),
        st.sampled_from([*GRAPH.kinds]),
    ),
    max_size=6,
)
CASES = st.lists(
    st.builds(_Case, st.sampled_from(["db", "far", "gone"]), st.sampled_from(["jam", "other"]), PAIRS, PAIRS),
    max_size=40,
)


@given(CASES)
@settings(max_examples=150, deadline=None)
def test_a_weight_without_news_does_not_drift(cases: list[_Case]) -> None:
    """However much is learnt of the rest: what nothing was heard of stays what its runbook says, to the last bit."""
    found = lessons.counted([SPEC], cases, GRAPH)
    mine = [c for c in cases if c.cause == "jam"]
    for key, word in SPEC.symptoms.items():
        hits, misses = found.get(("jam", key), (0.0, 0.0))
        assert hits + misses <= len(mine)
        spoken = any(split_key(key)[0] == s for c in mine for s, _ in (*c.signals, *c.absent))
        weight = weight_of(SPEC, key, found)
        if not spoken:
            assert (hits, misses) == (0.0, 0.0)
        if (hits, misses) == (0.0, 0.0):
            assert weight == WORDS[word]
        assert weight <= WORDS[word] if not hits else weight > 0
        assert weight >= WORDS[word] if not misses else weight < 1


def test_cure_rates_start_at_two_thirds_and_follow_what_was_measured() -> None:
    assert lessons.cure_rate("deadlock", "pause-job") == pytest.approx(2 / 3)
    for worked in (True, False, False, False):
        lessons.record_outcome("deadlock", "pause-job", worked=worked)
    assert lessons.cure_rate("deadlock", "pause-job") == pytest.approx(3 / 7)
    lessons.record_outcome("", "pause-job", worked=True)
    assert service.usage("deadlock")["fixes"] == [{"action": "pause-job", "worked": 1, "failed": 3}]
