"""What is a sign of the readings of certificates, and how loud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incidents.signals import CATALOG
from incidents.signals.judging.engine import Engine
from systems.graph import SystemGraph
from systems.readings import Reading

END = "shop.example:443"
START = datetime(2026, 1, 1, tzinfo=UTC)


def told(*readings: Reading) -> dict[str, str]:
    """Signal -> its words, for what is true after three looks."""
    engine = Engine(SystemGraph({"web": "http"}, {}))
    for step in range(3):
        engine.feed(START + timedelta(seconds=10 * step), list(readings))
    return {s.signal: CATALOG[s.signal].describe(s) for s in engine.states() if s.value}


@pytest.mark.parametrize(
    ("days", "signs"),
    [
        (14.5, set()),
        (13.9, {"certificate_ends_soon"}),
        (2.9, {"certificate_ends_soon", "certificate_ends"}),
        (None, set()),
    ],
)
def test_the_nearer_the_end_the_louder(days: float | None, signs: set[str]) -> None:
    said = told(Reading("web", "tls.days_left", days, "ends in 2 days, on 3 January 2026", END))
    assert set(said) == signs
    assert all(
        words == f"the certificate of web at {END} ends in 2 days, on 3 January 2026"
        for words in said.values()
    )


def test_what_is_not_in_force_is_grave_and_what_is_not_believed_says_why() -> None:
    late = Reading("web", "tls.in_force", 0.0, "ended 2 days ago, on 30 December 2025", END)
    wrong = Reading("web", "tls.valid", 0.0, "it is for a.example, and not for shop.example", END)
    said = told(late, wrong)
    assert said == {
        "certificate_not_in_force": f"the certificate of web at {END} ended 2 days ago, on 30 December 2025",
        "certificate_not_believed": f"the certificate of web at {END} is not believed: it is for "
        "a.example, and not for shop.example",
    }
    assert told(Reading("web", "tls.valid", None, "not known here", END)) == {}


def test_only_what_is_near_opens_an_incident() -> None:
    ranked = {
        name: (CATALOG[name].severity, CATALOG[name].opens)
        for name in CATALOG
        if name.startswith("certificate_")
    }
    assert ranked == {
        "certificate_ends_soon": ("low", False),
        "certificate_ends": ("medium", True),
        "certificate_not_in_force": ("high", True),
        "certificate_not_believed": ("medium", True),
    }
