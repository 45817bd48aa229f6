"""How often a sign holds in peace is measured on the system, and nothing of a trouble counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.signals import CATALOG
from incidents.signals.judging.engine import Engine
from incidents.signals.judging.leaks import LEAST, MOST, PRIOR_LOOKS, Leaks
from systems.readings import Reading
from tests.incidents.conftest import Ticker, all_quiet, load_bakery

DRIFT = Reading("oven-1", "config.drift", 1, "oven.yaml")
SAME = Reading("oven-1", "config.drift", 0)
DOWN = Reading("oven-1", "http.ok", 0, "refused")
CONSTANT = CATALOG["config_drift"].leak


def _counts(tick: Ticker) -> tuple[float, float]:
    return tick.engine.leaks.counts.get("config_drift", (0.0, 0.0))


def test_what_holds_in_peace_leaks_more_and_what_never_does_less(tick: Ticker) -> None:
    tick(SAME, times=300)
    held, looks = _counts(tick)
    assert held == 0 and 20 <= looks <= 34
    assert tick.engine.leaks.rates(CATALOG)["config_drift"] == pytest.approx(
        CONSTANT * PRIOR_LOOKS / (PRIOR_LOOKS + looks)
    )
    tick(DRIFT, times=300)
    held, looks = _counts(tick)
    assert 20 <= held <= looks / 2 + 2
    assert tick.engine.leaks.rates(CATALOG)["config_drift"] > 2 * CONSTANT


def test_nothing_before_in_or_right_after_a_trouble_counts(tick: Ticker) -> None:
    tick(SAME, times=200)
    held, before = _counts(tick)
    tick(DRIFT, times=4)
    tick(DRIFT, DOWN, times=60)
    tick(DRIFT, times=60)
    assert _counts(tick)[0] == held == 0
    tick(SAME, times=120)
    assert _counts(tick)[1] > before


def test_nothing_counts_while_the_watcher_is_starved(tick: Ticker) -> None:
    tick(SAME, times=200)
    before = _counts(tick)
    for second in range(200):
        tick.engine.feed(tick.at + timedelta(seconds=second), [*all_quiet(), DRIFT], starved=True)
    assert _counts(tick)[0] == before[0]


def test_the_counts_outlive_the_watcher_and_travel_with_what_is_normal(tick: Ticker) -> None:
    tick(SAME, times=300)
    fresh = Engine(load_bakery().graph)
    fresh.import_baselines(tick.engine.export_baselines(), tick.at)
    assert fresh.leaks.rates(CATALOG) == pytest.approx(tick.engine.leaks.rates(CATALOG))


def test_old_counts_fade_and_no_chance_is_none() -> None:
    leaks = Leaks()
    leaks.add("config_drift", 0.0, 50 * MOST)
    assert leaks.counts["config_drift"] == (0.0, MOST)
    assert leaks.rates(CATALOG)["config_drift"] == LEAST
    leaks.add("no_such_signal", 1.0, 1.0)
    assert "no_such_signal" not in leaks.rates(CATALOG)
