"""What comes and goes: one request in many fails, one of two replicas is ill.

Between two of its shows nothing of it can be read, and who judges by that moment alone changes his mind with each look.
What has come back in an incident counts as there for a while after it was seen, until something was done about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from incidents.evidence import SignalState
from incidents.facts import Seen
from incidents.health import name_of
from incidents.models import Incident, Symptom, TimelineEvent
from incidents.signals import CATALOG

KEPT = timedelta(seconds=45)
FELT = ("fails", "words")  # what somebody ran into; what a part is has gone when it has


def kept(incident: Incident, states: Sequence[SignalState], at: datetime | None) -> list[SignalState]:
    """The states with what has come back in the incident, and was over less than `KEPT` before `at`, taken as still
    there, of the quality of something that is not read just now."""
    if at is None:
        return list(states)
    back = TimelineEvent.objects.filter(incident=incident.pk, kind=Seen.kind, data__back=True)
    again = {event.data.get("symptom") for event in back}
    over = Symptom.objects.filter(incident=incident.pk, pk__in=again, cleared_at__gt=at - KEPT)
    rows = {(r.signal, r.service, r.label): r for r in over if _is_felt(r.signal)}
    return [
        replace(s, value=True, text=row.text, onset=row.first_seen, quality="unsure")
        if s.value is False and (row := rows.get(name_of(s))) is not None
        else s
        for s in states
    ]


def _is_felt(signal_id: str) -> bool:
    signal = CATALOG.get(signal_id)
    return signal is not None and signal.klass in FELT
