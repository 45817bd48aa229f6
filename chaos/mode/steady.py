"""Whether a system is in its steady state, and how much of what its customers do fails."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from chaos.models import Injection
from incidents import evidence
from incidents.models import OPEN_STATES, Incident
from systems import services
from systems.manifest import ManifestError
from systems.models import System

FRESH = timedelta(seconds=15)
JOURNEY = "journey_failed"
WELL = timedelta(seconds=30)  # so long after the last incident ended


def why_not(system: System) -> str:
    """Why nothing should be broken now; empty when all is well and seen to be."""
    if Injection.objects.filter(system=system, status=Injection.Status.RUNNING).exists():
        return "a fault is running already"
    if sick := Incident.objects.filter(system=system, state__in=OPEN_STATES).first():
        return f"the system is sick: {sick}"
    if Incident.objects.filter(system=system, resolved_at__gt=timezone.now() - WELL).exists():
        return "it has only just recovered"
    at, share = impact(system)
    if at is None:
        return "how the system does is not seen"
    return f"{share:.0%} of what customers do fails" if share else ""


def impact(system: System) -> tuple[datetime | None, float]:
    """(when it was seen, the share of the journeys that fail); (None, 0) when it is not seen now."""
    picture = evidence.picture(system.slug)
    if picture.at is None or timezone.now() - picture.at > FRESH or picture.starved:
        return None, 0.0
    try:
        names = {journey.name for journey in services.load(system.slug).manifest.journeys}
    except (services.UnknownSystem, ManifestError, OSError):
        return None, 0.0
    failing = {s.label for s in picture.states if s.signal == JOURNEY and s.value} & names
    return picture.at, len(failing) / len(names) if names else 0.0
