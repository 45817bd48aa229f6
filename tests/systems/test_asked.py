"""What somebody typed: read strictly, refused in words."""

from __future__ import annotations

import pytest
from django.core.exceptions import BadRequest

from systems import asked


@pytest.mark.parametrize("typed", ["²", "٣", "-1", "1e3", "x", "9" * 30])
def test_what_is_no_number_is_refused_by_its_name(typed: str) -> None:
    with pytest.raises(BadRequest, match="after: "):
        asked.number(typed, "after")


@pytest.mark.parametrize("typed", ["9999-12-31", "0001-01-01", "2026-99-99", "²", "tomorrow"])
def test_what_is_no_day_is_refused_by_its_name(typed: str) -> None:
    with pytest.raises(BadRequest, match="until: "):
        asked.day(typed, "until")


@pytest.mark.parametrize(
    "wanted",
    ["", None, "9999-12-31", "²", "'; --", "a", "//evil.example/", "https://evil.example/", "/\\evil"],
)
def test_nobody_is_sent_anywhere_but_to_a_page_of_ours(wanted: str | None) -> None:
    assert asked.way_back(wanted, "/here/") == "/here/"


def test_the_page_asked_for_is_gone_back_to() -> None:
    assert asked.way_back("/incidents/3/?q=1", "/here/") == "/incidents/3/?q=1"
