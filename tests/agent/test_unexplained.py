"""What went away by itself and nobody knows why: when it is over, and when it is back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from agent import unexplained
from agent.case import Case, Judgement, Measuring

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("state", "back"), [("unwell", True), ("holding", False), ("recovered", False)])
def test_what_cannot_be_read_is_not_back(
    state: Literal["unwell", "holding", "recovered"], back: bool
) -> None:
    """A probe that has gone blind says nothing, and nobody begins to look for a cause because of it."""
    quiet = Measuring(since=START, green_since=START)
    assert unexplained.is_back(Case(), quiet, Judgement(state=state, why="x")) is back
    assert not unexplained.is_back(Case(), Measuring(since=START), Judgement(state=state, why="x"))
