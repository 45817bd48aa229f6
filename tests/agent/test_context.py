"""Whose a symptom is, where several incidents are open."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agent.context import of_others
from incidents.models import Incident, State, Symptom
from tests.agent.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("cause", "where", "state", "theirs"),
    [
        ("", "", State.DIAGNOSING, {"unit_down"}),  # it came to whichever was open
        ("stuck", "web", State.ACTING, {"unit_down"}),  # another part is the cause there
        ("config_changed", "db", State.ACTING, {"unit_down", "config_drift"}),
        ("config_changed", "db", State.RESOLVED, set()),
    ],
)
def test_what_tells_of_a_change_is_everybodys_until_it_is_known_whose(
    world: World, cause: str, where: str, state: str, theirs: set[str]
) -> None:
    mine = world.open()
    now = timezone.now()
    other = Incident.objects.create(
        system=world.system, fingerprint="db", title="db is down", started_at=now, component=where, cause=cause,
        state=state,
    )  # fmt: skip
    for signal in ("unit_down", "config_drift"):
        Symptom.objects.create(
            system=world.system, incident=other, signal=signal, service="db", title=signal,
            first_seen=now, last_seen=now, opens=signal == "unit_down",
        )  # fmt: skip
    assert {signal for signal, *_ in of_others(mine)} == theirs
