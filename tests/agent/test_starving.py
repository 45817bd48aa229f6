"""The step that acts waits while the watcher is starved."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agent.models import Run
from agent.phases import starving
from incidents import evidence
from incidents.evidence import Picture
from incidents.models import Incident
from systems.models import System


@pytest.mark.django_db
def test_on_silence_it_is_held_until_the_watcher_is_itself_again() -> None:
    system = System.objects.create(slug="starves", title="Starves", manifest_path="/nowhere/manifest.yaml")
    now = timezone.now()
    incident = Incident.objects.create(system=system, fingerprint="x", title="x", started_at=now)
    run = Run(incident=incident)
    for starved in (True, True, False):
        evidence.write(system.slug, Picture(timezone.now(), starved))
        assert (starving.hold(run, "restart-service on web") is not None) is starved
    assert incident.events.count() == 1, "said once"
