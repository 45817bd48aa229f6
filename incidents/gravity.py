"""How bad an incident is. The users come first: what fails for them no runbook and no signal makes less of."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from incidents.models import Incident, Severity, Symptom

RANK = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2, Severity.CRITICAL: 3}
JOURNEY = "journey_failed"


def severity_of(symptoms: Iterable[Symptom]) -> str:
    """By what is seen, as long as nothing is known: a service down is high."""
    opening = [s for s in symptoms if s.opens]
    felt = _felt({s.label for s in opening if s.signal == JOURNEY})
    return felt or max((s.severity for s in opening), key=_rank, default=Severity.LOW)


def felt_by_users(incident: Incident) -> str:
    """How bad it is for them at the least, by the journeys that failed since it was opened; "" where none did."""
    failed = Symptom.objects.filter(incident=incident, signal=JOURNEY, opens=True)
    return _felt(set(failed.exclude(cleared_at__lt=incident.started_at).values_list("label", flat=True)))


def _felt(failing: Collection[str]) -> str:
    """Two journeys are critical, one is high."""
    return "" if not failing else Severity.HIGH if len(failing) == 1 else Severity.CRITICAL


def worse(one: str, other: str) -> str:
    """Of two severities, "" being none, the worse one."""
    return max(one, other, key=_rank)


def worsen(incident: Incident, severity: str) -> None:
    """Raise it to that, "" being none, unless a person has said how bad it is."""
    if incident.severity_by or _rank(severity) <= _rank(incident.severity):
        return
    Incident.objects.filter(pk=incident.pk, severity_by="").update(severity=severity)
    incident.severity = severity


def _rank(severity: str) -> int:
    return RANK[Severity(severity)] if severity else -1
