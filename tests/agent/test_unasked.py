"""A route that nobody asks for: no look at it will ever say that it is quick again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent import unasked
from agent.case import Judgement, Measuring
from incidents.evidence import SignalState
from incidents.signals import CATALOG

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER = NOW - timedelta(seconds=30)


def state(signal: str, value: bool | None, fresh: datetime, label: str = "") -> SignalState:
    known = CATALOG[signal]
    return SignalState(
        signal, "web", label, value, 14.0, "", fresh, known.source, fresh=fresh, author=known.author
    )


def count(still: int = unasked.LOOKS) -> Measuring:
    return Measuring(since=EARLIER, still=still)


ROUTE = state("route_slow", None, EARLIER, "GET /api/me")
READ = state("app_errors", False, NOW)
WELL = state("journey_failed", False, NOW, "buy")


def test_what_nobody_asks_for_does_not_keep_it_open() -> None:
    assert unasked.among(count(), [ROUTE, READ, WELL]) == [ROUTE]
    said = unasked.told(Judgement(state="recovered", why="all is well"), [ROUTE])
    assert said.why.startswith("all is well; nobody asked since") and "GET /api/me" in said.why


def test_it_is_looked_for_first() -> None:
    assert unasked.among(count(unasked.LOOKS - 1), [ROUTE, READ, WELL]) == []
    assert unasked.among(None, [ROUTE, READ, WELL]) == []


def test_a_part_that_is_not_read_at_all_is_not_well() -> None:
    assert unasked.among(count(), [ROUTE, WELL, state("app_errors", None, EARLIER)]) == []
    assert unasked.among(count(), [ROUTE, WELL, state("app_errors", False, EARLIER)]) == [], (
        "nor was it since"
    )
    assert unasked.among(count(), [ROUTE, WELL, state("tcp_refused", False, NOW)]) == [], (
        "by us, and not by them"
    )


@pytest.mark.parametrize("signal", ["journey_failed", "consistency_broken", "disk_full", "log_errors"])
def test_what_we_ask_for_ourselves_and_cannot_read_is_not_over(signal: str) -> None:
    others = [
        WELL,
        *(state(s, False, NOW) for s in ("app_errors", "http_unreachable", "unit_down", "tcp_refused")),
    ]
    assert unasked.among(count(), [state(signal, None, EARLIER, "prices"), *others]) == []


@pytest.mark.parametrize("seen", [True, None])
def test_who_stays_away_may_have_been_driven_away(seen: bool | None) -> None:
    assert unasked.among(count(), [ROUTE, READ, state("journey_failed", seen, NOW, "buy")]) == []
    assert unasked.among(count(), [ROUTE, READ]) == [], "a system of which no journey is declared"


def test_what_a_starved_watcher_cannot_tell_is_no_silence() -> None:
    """It is read all the same, and that it is slow may be the watcher's own doing: it is waited for."""
    assert unasked.among(count(), [state("route_slow", None, NOW, "GET /api/me"), READ, WELL]) == []


def test_what_is_of_the_whole_part_must_be_read() -> None:
    assert unasked.among(count(), [state("app_slow", None, EARLIER), READ, WELL]) == []


def test_what_is_not_over_is_told_as_it_is() -> None:
    said = Judgement(state="unwell", why="web fails")
    assert unasked.told(said, [ROUTE]) == said
