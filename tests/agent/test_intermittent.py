"""Evidence that comes and goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent import intermittent
from incidents import timeline
from incidents.evidence import SignalState
from incidents.facts import Seen
from incidents.models import Incident, Symptom
from systems.models import System

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("signal", "back", "over", "counts"),
    [
        ("journey_failed", 1, 20, True),
        ("log_arithmetic", 1, 20, True),
        ("journey_failed", 0, 20, False),  # it was there once, and is over
        ("journey_failed", 1, -30, False),  # a while ago
        ("unit_down", 5, 20, False),  # it runs: that is a measurement
        ("app_slow", 1, 20, False),
        ("pg_blocked", 2, 20, True),  # at its hour, each time anew
        ("pg_blocked", 2, -30, False),
    ],
)
def test_what_has_come_back_counts_as_there_for_a_while(
    signal: str, back: int, over: float, counts: bool
) -> None:
    system = System.objects.create(slug="tiny", title="Tiny", manifest_path="/nowhere")
    incident = Incident.objects.create(system=system, fingerprint="x", title="x", started_at=BEGAN)
    row = Symptom.objects.create(
        system=system, incident=incident, signal=signal, service="web", title="x", text="status 500",
        first_seen=BEGAN, last_seen=at(over), cleared_at=at(over),
    )  # fmt: skip
    for number in range(1 + back):
        seen = Seen(symptom=row.pk, signal=signal, service="web", back=number > 0)
        timeline.record(incident.number, seen, "seen")
    states = [
        SignalState(signal, "web", "", False, 0.0, "", at(over), "probe"),
        SignalState("http_errors", "db", "", False, 0.0, "", at(over), "probe"),
    ]
    first, other = intermittent.kept(incident, states, at(30))
    assert first.value is counts
    assert (first.text, first.quality) == (("status 500", "unsure") if counts else ("", "sure"))
    assert other == states[1]


@pytest.mark.parametrize(("back", "began"), [(0, 20), (1, 0)])
def test_what_is_back_began_when_it_first_showed(back: int, began: float) -> None:
    """It was away for a moment, and is no latecomer among what it brought about."""
    system = System.objects.create(slug="tiny", title="Tiny", manifest_path="/nowhere")
    incident = Incident.objects.create(system=system, fingerprint="x", title="x", started_at=BEGAN)
    row = Symptom.objects.create(
        system=system, incident=incident, signal="journey_failed", service="web", title="x",
        first_seen=BEGAN, last_seen=at(20),
    )  # fmt: skip
    for number in range(1 + back):
        seen = Seen(symptom=row.pk, signal="journey_failed", service="web", back=number > 0)
        timeline.record(incident.number, seen, "seen")
    state = SignalState("journey_failed", "web", "", True, 1.0, "status 500", at(20), "probe")
    (found,) = intermittent.kept(incident, [state], at(30))
    assert (found.onset, found.value, found.quality) == (at(began), True, state.quality)
