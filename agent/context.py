"""What the phases ask about an incident, in one place."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from agent import looks
from incidents.models import Incident, Symptom


def active_symptoms(incident: Incident) -> set[str]:
    """`signal@service#label` of every opening symptom that holds now on the incident's system."""
    rows = Symptom.objects.filter(system_id=incident.system_id, cleared_at__isnull=True, opens=True)
    return {symptom_key(s.signal, s.service, s.label) for s in rows}


def symptom_key(signal: str, service: str, label: str = "") -> str:
    return f"{signal}@{service}#{label}" if label else f"{signal}@{service}"


def without_label(key: str) -> str:
    return key.partition("#")[0]


def is_self_healed(incident: Incident) -> bool:
    """No symptom of the incident holds any more, though nobody has acted."""
    mine = Q(incident=incident, cleared_at__isnull=True, opens=True)
    return not Symptom.objects.filter(mine).exists()


HISTORY = frozenset({"exit_nonzero", "unit_restarting", "oom_killed"})  # true for a while after it is over


def only_history(incident: Incident, service: str = "") -> bool:
    """Whether all that still holds (on `service`) tells of a run that has ended: the process runs again."""
    mine = Symptom.objects.filter(incident=incident, cleared_at__isnull=True, opens=True)
    held = set((mine.filter(service=service) if service else mine).values_list("signal", flat=True))
    return held <= HISTORY if service else is_history(held)


def is_history(held: Collection[str]) -> bool:
    """Whether these signals, those that hold, all tell of a run that has ended."""
    return bool(held) and HISTORY.issuperset(held)


def seconds_seen(incident: Incident) -> float:
    """From the first symptom to the newest picture: a watcher that is held up has seen no more, however late it is."""
    picture = looks.newest(incident.system.slug)
    return (picture - incident.started_at).total_seconds() if picture else 0.0
