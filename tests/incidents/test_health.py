"""One judge of health, on the states that open incidents: neither says what the other denies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import incidents
from incidents.health import Health, judge
from incidents.picture import Picture, taken
from incidents.signals import CATALOG, Signal, SignalState
from incidents.signals.added import Catalogue, Entry
from incidents.signals.detectors import Equals
from incidents.signals.judging.engine import Engine
from systems.readings import Reading
from tests.incidents.conftest import NAMES, Ticker, load_bakery

REFUSED = Reading("oven-1", "http.ok", 0, "refused")
ERROR = Reading("oven-1", "http.ok", 0, "status 500")
BLIND = Reading("oven-1", "http.ok", None, "no answer from the probe")
HALT = Reading("oven-1", "unit.up", None, "the engine does not answer")


def seen(tick: Ticker) -> Picture:
    return taken(tick.engine, tick.at)


def test_every_signal_that_means_down_is_one_that_opens_incidents() -> None:
    assert all(s.opens for s in CATALOG.values() if s.down)


@pytest.fixture
def added() -> Iterator[Catalogue]:
    yield CATALOG
    CATALOG.put(())


def test_a_new_signal_says_itself_that_the_part_is_down(added: Catalogue) -> None:
    cold = Signal("oven_cold", "{service} is cold", "oven.hot", Equals(0), "api", klass="own", down=True)
    added.put([Entry(cold)])
    state = SignalState(cold.id, "oven-1", "", True, 0.0, "", None, "metric")
    assert judge([state]) == Health("down", "oven-1 is cold")
    assert judge([replace(state, value=None)]).word == "unknown", "it also tells whether the part can be seen"


def test_what_a_signal_is_like_is_listed_nowhere_but_where_it_is_declared() -> None:
    root = Path(incidents.__file__).parents[1]
    files = [p for room in ("agent", "incidents") for p in sorted((root / room).rglob("*.py"))]
    lists = {
        f"{path.relative_to(root)}:{node.lineno}": names
        for path in files
        if root / "incidents/signals" not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Set, ast.List, ast.Tuple))
        and len(names := {e.value for e in node.elts if isinstance(e, ast.Constant)} & CATALOG.keys()) > 1
    }
    assert len(files) > 80 and not lists


def test_words_for_well_sick_and_gone(tick: Ticker) -> None:
    assert {seen(tick).of(n).word for n in NAMES} == {"ok"}
    tick(ERROR, times=3)
    found = seen(tick).of("oven-1")
    assert found.word == "degraded" and "status 500" in found.reason
    tick(REFUSED, times=5)
    assert seen(tick).of("oven-1") == Health("down", "oven-1 does not answer on its port (refused)")
    tick(times=5)
    assert seen(tick).of("oven-1") == Health("ok")


def test_what_cannot_be_read_is_unknown_and_says_why(tick: Ticker) -> None:
    assert seen(tick).of("nobody").word == "unknown"
    gone = [HALT, Reading("oven-1", "unit.fatal", None, "the engine does not answer"), BLIND]
    tick(*gone, times=5)
    assert seen(tick).of("oven-1") == Health("unknown", "it cannot be read just now")
    assert seen(tick).of("oven-2").word == "ok"


def test_a_symptom_that_cannot_be_read_any_more_is_neither_well_nor_still_so(tick: Ticker) -> None:
    tick(ERROR, times=3)
    tick(BLIND, times=4)
    picture = seen(tick)
    assert picture.of("oven-1").word == "unknown"
    assert "cannot be read any more" in picture.of("oven-1").reason
    assert [s.signal for s in picture.troubles] == ["http_errors"]


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("redis.ok", "WRONGPASS invalid username-password pair or user is disabled."),
        ("redis.ok", "invalid password"),
        ("redis.ok", "NOAUTH Authentication required."),
        ("pg.ok", 'FATAL: password authentication failed for user "prober"'),
    ],
)
def test_a_server_that_does_not_let_us_look_is_not_down(tick: Ticker, metric: str, text: str) -> None:
    tick(Reading("flour", metric, 0, text), times=5)
    found = seen(tick).of("flour")
    assert found.word == "unknown" and "does not let us look" in found.reason
    assert not seen(tick).troubles
    tick(Reading("flour", metric, 0, "refused"), times=5)
    assert seen(tick).of("flour").word == "down"


def test_a_picture_is_the_same_after_its_way_to_the_agent(tick: Ticker) -> None:
    tick(REFUSED, times=3)
    mine = seen(tick)
    back = Picture.from_json(mine.to_json())
    assert (back.stamp, back.health, back.open_) == (mine.stamp, mine.health, mine.open_)
    assert [s.value for s in back.states] == [s.value for s in mine.states]
    assert back.figures["oven-1"]["latency_ms"] == 5
    assert Picture().stamp is None and Picture().of("oven-1").word == "unknown"


SAID = st.lists(
    st.builds(
        Reading,
        st.sampled_from(["oven-1", "flour"]),
        st.sampled_from(["http.ok", "unit.up", "tcp.ok", "redis.ok", "unit.fatal", "config.drift"]),
        st.sampled_from([0.0, 1.0, None]),
        st.sampled_from(["", "refused", "timeout", "status 503", "WRONGPASS"]),
    ),
    max_size=4,
)


@given(st.lists(SAID, min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_health_and_incidents_agree_whatever_is_read(looks: list[list[Reading]]) -> None:
    tick = Ticker(Engine(load_bakery().graph))
    tick(times=12)
    for readings in looks:
        tick(*readings, times=3)
        picture = seen(tick)
        opened = {(k.signal.id, k.service) for k in tick.engine.keys if k.active and k.signal.opens}
        held = {(k.signal.id, k.service) for k in tick.engine.keys if k.value is True and k.signal.opens}
        for name in NAMES:
            word = picture.of(name).word
            if any(service == name for _, service in held):
                assert word in ("down", "degraded")
            elif any(service == name for _, service in opened):
                assert word == "unknown"
            else:
                assert word in ("ok", "unknown")
        assert {(s.signal, s.service) for s in picture.troubles} == opened
