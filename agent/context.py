"""What the phases ask about an incident, in one place."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from incidents.models import Incident, Symptom


def active_symptoms(incident: Incident) -> set[str]:
    """`signal@service#label` of every opening symptom that holds now on the incident's system."""
    rows = Symptom.objects.filter(system_id=incident.system_id, cleared_at__isnull=True, opens=True)
    return {symptom_key(s.signal, s.service, s.label) for s in rows}


def symptom_key(signal: str, service: str, label: str = "") -> str:
    return f"{signal}@{service}#{label}" if label else f"{signal}@{service}"


def is_self_healed(incident: Incident) -> bool:
    """No symptom of the incident holds any more, though nobody has acted."""
    mine = Q(incident=incident, cleared_at__isnull=True, opens=True)
    return not Symptom.objects.filter(mine).exists()


def seconds_open(incident: Incident) -> float:
    return (timezone.now() - incident.started_at).total_seconds()
