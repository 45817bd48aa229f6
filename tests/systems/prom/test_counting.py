"""Counters over restarts and odd values: what is made of them is never negative, and never made up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems.prom.counting import Memory, Rise, Window, quantile, weighted

ODD = st.one_of(st.floats(), st.integers(min_value=-5, max_value=10**12).map(float))


@given(st.lists(ODD, max_size=30))
def test_rises_of_any_values_are_finite_and_not_negative(values: list[float]) -> None:
    memory = Memory()
    for value in values:
        for rose in memory.rises([("a", value)]).values():
            assert math.isfinite(rose) and rose >= 0


@given(st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=8), min_size=1, max_size=6))
def test_whatever_restarts_come_between_looks_all_that_was_counted_is_found(runs: list[list[int]]) -> None:
    """Each run is a process that counts from 0 and is looked at at its very end only at restarts."""
    memory, total, known = Memory(), 0.0, 0.0
    memory.rises([("a", 0.0)])
    for run in runs:
        at = 0
        for step in run:
            at += step
            found = memory.rises([("a", float(at))])["a"]
            assert 0 <= found <= max(at, step)
            known += found
        total += at
    assert known <= total


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.integers(0, 19))
def test_a_counter_that_begins_anew_loses_no_more_than_was_not_seen(steps: list[int], restart: int) -> None:
    memory, value, found = Memory(), 0, 0.0
    memory.rises([("a", 0.0)])
    for index, step in enumerate(steps):
        value = step if index == restart else value + step
        found += memory.rises([("a", float(value))])["a"]
    # A restart is seen only where the count went back; else the rise is at most what was counted.
    assert found <= sum(steps)


def test_a_series_that_is_new_after_a_whole_look_rose_from_nothing() -> None:
    memory = Memory()
    assert memory.rises([("ok", 100.0)]) == {}
    assert memory.rises([("ok", 101.0), ("failed", 3.0)]) == {"ok": 1.0, "failed": 3.0}


def test_a_series_that_is_new_after_half_a_look_is_not_known() -> None:
    memory = Memory()
    memory.rises([("ok", 100.0)], whole=False)
    assert memory.rises([("ok", 101.0), ("failed", 3.0)]) == {"ok": 1.0}


def test_a_series_told_twice_counts_once() -> None:
    memory = Memory()
    memory.rises([("a", 1.0)])
    assert memory.rises([("a", 5.0), ("a", 2.0)]) == {"a": 4.0}


@given(
    st.dictionaries(st.floats(allow_nan=False), st.floats(0, 1e9), max_size=12),
    st.floats(0, 1e9),
    st.floats(0.01, 0.99),
)
def test_a_quantile_lies_within_the_buckets(bounds: dict[float, float], count: float, share: float) -> None:
    found = quantile(share, bounds, count)
    if found is not None:
        finite = [b for b in bounds if math.isfinite(b)]
        assert min([0.0, *finite]) <= found[0] <= max(finite)


def test_a_quantile_by_hand() -> None:
    bounds = {0.1: 50.0, 0.5: 90.0, 1.0: 98.0, math.inf: 100.0}
    assert quantile(0.5, bounds, 100) == (0.1, False)
    assert quantile(0.7, bounds, 100) == (pytest.approx(0.3), False)
    assert quantile(0.99, bounds, 100) == (1.0, True)
    assert quantile(0.5, {math.inf: 5.0}, 5) is None
    assert quantile(0.5, {}, 0) is None
    assert quantile(0.95, {0.1: 50.0, 1.0: 98.0}, 100) == (
        pytest.approx(0.94375),
        False,
    )  # 0.5 and +Inf are missing


def test_weighted() -> None:
    assert weighted(0.5, [(1.0, 10), (9.0, 1)]) == 1.0
    assert weighted(0.95, [(1.0, 10), (9.0, 1)]) == 9.0
    assert weighted(0.5, [(math.nan, 3), (2.0, 0)]) is None


def test_a_window_covers_what_was_asked_and_forgets_the_old() -> None:
    window = Window()
    for at in range(100):
        rise = Rise()
        rise.counts["m", "", ""] += 2
        window.add(at, at + 1, rise)
    covered, total = window.over(10)
    assert (covered, total.counts["m", "", ""]) == (10, 20)
    assert window.over(1e9)[0] == 60
