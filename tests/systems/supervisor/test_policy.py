"""The pauses between retries, with a clock of our own."""

from __future__ import annotations

import pytest

from systems.supervisor import policy


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(policy.time, "monotonic", lambda: now[0])
    return now


def test_first_retry_at_once_then_growing_then_none(clock) -> None:
    retries = policy.Retries(5, 15)
    assert [retries.pause(True) for _ in range(5)] == [0.0, 0.5, 1.0, 2.0, None]


def test_old_failures_do_not_count(clock) -> None:
    retries = policy.Retries(3, 15)
    for _ in range(10):
        assert retries.pause(True) == 0.0
        clock[0] += 16


def test_clean_exits_never_lead_to_giving_up(clock) -> None:
    retries = policy.Retries(3, 15)
    for _ in range(10):
        assert retries.pause(False) == 0.0
        clock[0] += 5


def test_forgetting_starts_over(clock) -> None:
    retries = policy.Retries(2, 15)
    assert retries.pause(True) == 0.0
    assert retries.pause(True) is None
    retries.forget()
    assert retries.pause(True) == 0.0
