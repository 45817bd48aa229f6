"""What comes and goes: one request in many fails, one of two replicas is ill.

Between two of its shows nothing of it can be read, and who judges by that moment alone changes his mind with each look.
What has come back in an incident counts as there for a while after it was seen, until something was done about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q

from incidents.evidence import SignalState
from incidents.facts import Seen
from incidents.health import name_of
from incidents.models import Incident, Symptom, TimelineEvent
from incidents.signals import CATALOG

KEPT = timedelta(seconds=45)
FELT = ("fails", "words")  # what somebody ran into; what is measured of a part has gone when it has
OFTEN = 2  # ... unless it has come back so often: a lock that is taken each minute anew. A process runs or does not


def kept(incident: Incident, states: Sequence[SignalState], at: datetime | None) -> list[SignalState]:
    """The states with what has come back in the incident, and was over less than `KEPT` before `at`, taken as still
    there, of the quality of something that is not read just now. What is back began when it first showed: it is no
    latecomer for that it was away."""
    if at is None:
        return list(states)
    back = TimelineEvent.objects.filter(incident=incident.pk, kind=Seen.kind, data__back=True)
    again = Counter(event.data.get("symptom") for event in back)
    lately = Q(cleared_at=None) | Q(cleared_at__gt=at - KEPT)
    over = Symptom.objects.filter(lately, incident=incident.pk, pk__in=again.keys())
    rows = {(r.signal, r.service, r.label): r for r in over if _lasts(r.signal, again[r.pk])}
    return [_as_kept(s, rows.get(name_of(s))) for s in states]


def _as_kept(state: SignalState, row: Symptom | None) -> SignalState:
    if row is None or state.value is None:
        return state
    if state.value:
        return replace(state, onset=min(filter(None, (state.onset, row.first_seen))))
    return replace(state, value=True, text=row.text, onset=row.first_seen, quality="unsure")


def _lasts(signal_id: str, back: int) -> bool:
    signal = CATALOG.get(signal_id)
    if signal is None or signal.source == "state":
        return False
    return signal.klass in FELT or back >= OFTEN
