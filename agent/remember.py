"""What a closed incident is kept as: a case, and a lesson only where something we did was measured to have cured it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from incidents import evidence
from incidents.evidence import SignalState
from incidents.models import Incident, Symptom
from incidents.signals import CATALOG
from knowledge import lessons
from knowledge import service as knowledge
from knowledge.spec import split_key


def case(
    number: int, *, recovered: bool, acted: Sequence[str] = (), green_since: datetime | None = None
) -> None:
    """Keep the incident. What went away by itself, what a person says of the cause, and two causes at once, whose signs
    nobody can tell apart, teach nothing of signs."""
    incident = Incident.objects.select_related("system").get(pk=number)
    verdict = incident.verdict
    cures = {(r.component, r.cause) for r in verdict.repaired if r.cause}
    cured = recovered and verdict.standing != "told" and len(cures) == 1
    component, cause = cures.pop() if cured else (incident.component, incident.cause)
    held = [(s, n) for s, n in Symptom.objects.filter(incident=number).values_list("signal", "service")]
    seconds = (green_since - incident.started_at).total_seconds() if cured and green_since else None
    lessons.record_lesson(
        incident_number=incident.number,
        system_slug=incident.system.slug,
        component=component,
        cause=cause,
        signals=sorted(set(held)),
        absent=absences(incident, held, cause) if cured else [],
        actions=[{"action": a, "worked": recovered} for a in acted],
        recovered=cured,
        seconds_to_repair=seconds,
    )


def absences(incident: Incident, held: Iterable[tuple[str, str]], cause: str) -> list[tuple[str, str]]:
    """What the cause's runbook speaks of, and was measured as not holding from before the trouble until now."""
    spec = next((s for s in knowledge.active_specs() if s.id == cause), None)
    wanted = {split_key(key)[0] for key in spec.symptoms} if spec else set()
    states = [s for s in evidence.picture(incident.system.slug).states if s.signal in wanted]
    never = {(s.signal, s.service) for s in states if _all_the_while(s, incident.started_at)}
    return sorted(
        never
        - {(s.signal, s.service) for s in states if not _all_the_while(s, incident.started_at)}
        - {*held}
    )


def _all_the_while(state: SignalState, since: datetime) -> bool:
    """Whether it was false all the time. What leaves no symptom when it holds is not known to have been."""
    noted = state.signal in CATALOG and CATALOG[state.signal].noted
    return noted and state.value is False and state.onset is not None and state.onset <= since
