"""The agent, turned on for a system of which nothing is driven: it finds, explains and hands over."""

from __future__ import annotations

from pathlib import Path

import pytest

from actions.models import ActionRequest
from incidents.models import TimelineEvent
from systems import services
from tests.agent.world import MANIFEST, World, finding, path


@pytest.fixture
def far(world: World) -> World:
    """The same system, somewhere else: no unit, no control."""
    file = Path(world.system.manifest_path)
    file.write_text(MANIFEST.replace("{driver: fake, name: mini, units: [web, db]}", "{driver: none}"))
    services.register(file)
    return world


def test_what_needs_a_unit_is_not_asked_for_and_the_reason_is_told(far: World) -> None:
    far.findings = [finding("stuck", 0.97, path("restart-service web"), path("rolling-restart web"))]
    incident = far.open()
    run = far.drive(far.start(incident))
    assert (run.outcome, far.effects(), ActionRequest.objects.count()) == ("handed_over", [], 0)
    handover = TimelineEvent.objects.get(incident=incident, kind="handover").data
    assert [f["cause"] for f in handover["findings"]] == ["stuck"], "it is found and explained all the same"
    assert handover["why"].count("the system is only watched (runtime: none)") == 2


def test_what_needs_none_still_helps(far: World) -> None:
    far.findings = [finding("stuck", 0.97, path("restart-service web"), path("mend web"))]
    far.cured = lambda effects: "mend@web" in effects
    run = far.drive(far.start(far.open()))
    assert (run.outcome, far.effects()) == ("recovered", ["mend@web"])
