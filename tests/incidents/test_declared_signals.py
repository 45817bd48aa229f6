"""Declared readings as signals: they open and clear in the manifest's words, and what is usual is learnt."""

from __future__ import annotations

import pytest

from incidents.signals import CATALOG
from incidents.signals.base import SignalState
from incidents.signals.declared import CLASSES, GRADES
from incidents.signals.judging.engine import Engine
from systems.readings import Reading
from tests.incidents.conftest import START, Ticker

SAID = "backlog of oven-1 is 5,312, above 1,000"


def backlog(value: float | None, text: str = "", *, grade: str = "medium") -> Reading:
    return Reading("oven-1", f"declared.flow.{grade}", value, text, "backlog")


def lag(value: float, kind: str = "more") -> Reading:
    return Reading("oven-1", f"declared.slow.high.{kind}", value, f"lag of oven-1 is {value:g} s", "lag")


def test_there_is_an_entry_for_all_that_a_manifest_can_say() -> None:
    for klass in CLASSES:
        for grade in GRADES:
            signal = CATALOG[f"declared_{klass}_{grade}"]
            assert (signal.klass, signal.opens) == (klass, grade != "context")
            assert signal.opens is False or signal.severity == grade
            assert f"declared_{klass}_{grade}_more" in CATALOG and f"declared_{klass}_{grade}_less" in CATALOG


def test_it_opens_in_the_words_of_the_manifest_and_clears(tick: Ticker) -> None:
    assert tick(backlog(4312.0, SAID)) == ["+declared_flow_medium@oven-1#backlog"]
    key = tick.engine.keys.get("declared_flow_medium", "oven-1", "backlog")
    assert key is not None and key.signal.describe(key.state()) == SAID
    assert tick(backlog(None, "refused"), times=3) == []
    assert tick(backlog(0.0, "backlog of oven-1 is 3"), times=2) == ["-declared_flow_medium@oven-1#backlog"]


def test_a_falling_backlog_is_a_smaller_value(tick: Ticker) -> None:
    tick(backlog(4312.0, SAID))
    tick(backlog(12.0, "backlog of oven-1 is 1,012, above 1,000"))
    key = tick.engine.keys.get("declared_flow_medium", "oven-1", "backlog")
    assert key is not None and key.state().reading_value == 12.0


@pytest.mark.parametrize(("kind", "odd"), [("more", 30.0), ("less", 0.5)])
def test_what_is_usual_is_learnt_also_when_it_is_new_to_a_settled_system(
    tick: Ticker, kind: str, odd: float
) -> None:
    tick(times=60)
    assert tick(lag(5.0, kind), times=20) == []
    assert tick(lag(odd, kind), times=2) == []
    assert tick(lag(odd, kind), times=4) == [f"+declared_slow_high_{kind}@oven-1#lag"]
    key = tick.engine.keys.get(f"declared_slow_high_{kind}", "oven-1", "lag")
    assert key is not None
    assert key.signal.describe(key.state()) == f"lag of oven-1 is {odd:g} s, far {kind} than usual"
    assert tick(lag(5.0, kind), times=2) == [f"-declared_slow_high_{kind}@oven-1#lag"]


def test_what_was_usual_is_kept_over_a_restart_of_the_watcher(tick: Ticker) -> None:
    tick(lag(5.0), times=30)
    fresh = Ticker(Engine(tick.engine.graph))
    fresh(times=30)
    fresh.engine.import_baselines(tick.engine.export_baselines(), START)
    assert fresh(lag(30.0), times=6) == ["+declared_slow_high_more@oven-1#lag"]


def test_a_starved_watcher_judges_nothing_that_rests_on_timing(tick: Ticker) -> None:
    slow = Reading("oven-1", "declared.slow.medium", 3.0, "lag of oven-1 is 8, above 5", "lag")
    own = Reading("oven-1", "declared.own.medium", 1.0, "breaker of oven-1 is open", "breaker")
    feed = tick.engine.feed(tick.at, [slow, own], starved=True)
    assert [c.key.label for c in feed] == ["breaker"]


def test_names_of_labels_that_vanish_do_not_stay(tick: Ticker) -> None:
    reading = Reading("oven-1", "declared.flow.medium", 4.0, "depth of oven-1 (eu) is 9, above 5", "depth eu")
    assert tick(reading) == ["+declared_flow_medium@oven-1#depth eu"]
    gone = Reading("oven-1", "declared.flow.medium", 0.0, "gone", "depth eu")
    assert tick(gone, times=3) == ["-declared_flow_medium@oven-1#depth eu"]
    states: list[SignalState] = [s for s in tick.engine.states() if s.label == "depth eu"]
    assert [s.value for s in states] == [False]
