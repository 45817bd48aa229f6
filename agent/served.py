"""What a service's own counters prove: after requests of others failed in it, how many have gone well since.

`app.error_rate` is a share of the service's latest requests and `app.rps` their rate; each holds until it is read
again. Only what exceeds the share that was usual before the trouble counts: a background of errors proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from agent.relapse import LEAD, NOTHING, Done, Proof, ill_from, runs_needed
from incidents.models import Incident

BEFORE = timedelta(minutes=5)  # in which it shows what is usual
MOST = timedelta(minutes=5)
HOLDS_S = 20.0  # an unchanged reading is stored again by then: after it nothing is known

_COUNTED = """
select service, metric, at, value from systems_reading
where system_id = %s and metric in ('app.error_rate', 'app.rps') and label = '' and at >= %s
  and service in (select service from incidents_symptom where incident_id = %s)
order by service, at, metric
"""


class Stretch(NamedTuple):
    """From one reading to the next: when it began, the failing share in it, how many requests it had."""

    at: datetime
    share: float
    requests: float


def proofs(incident: Incident, done: Done = NOTHING) -> list[Proof]:
    """For each service with a symptom here in which a part of the requests failed."""
    begin = _begin(incident)
    ended = Incident.objects.filter(system_id=incident.system_id, resolved_at__lte=begin).order_by(
        "-resolved_at"
    )
    last = ended.values_list("resolved_at", flat=True).first()
    since = max(begin - BEFORE, last or begin - BEFORE)
    rows: dict[str, list[tuple[str, datetime, float | None]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [incident.system_id, since, incident.pk])
        for service, *row in cursor.fetchall():
            rows.setdefault(service, []).append((row[0], row[1], row[2]))
    now, mine = timezone.now(), ill_from(incident)
    found = [_proof(name, _stretches(told, now), begin, mine, done) for name, told in sorted(rows.items())]
    return [p for p in found if p is not None and p.needed]


def wanting(incident: Incident, done: Done = NOTHING) -> list[Proof]:
    """Those that lack clean requests, and to which requests come: of one that nobody asks nothing can be proven."""
    return [p for p in proofs(incident, done) if p.clean < p.needed and (p.clean or p.is_failing)]


def are_calm(incident: Incident) -> bool:
    """Whether nobody's requests fail any more in an incident that nobody works on; MOST at the longest for few."""
    now = timezone.now()
    return not any(p.is_failing or now - p.last_failed < MOST for p in wanting(incident))


def _begin(incident: Incident) -> datetime:
    """When the trouble began, this one or another that was still under way then: what was usual was before it."""
    mine = incident.started_at - LEAD
    others = Incident.objects.filter(system_id=incident.system_id, started_at__lt=incident.started_at)
    open_then = (
        others.exclude(resolved_at__lte=mine).order_by("started_at").values_list("started_at", flat=True)
    )
    return min([mine, *(at - LEAD for at in open_then[:1])])


def _stretches(rows: Sequence[tuple[str, datetime, float | None]], now: datetime) -> list[Stretch]:
    """Where one of the two is not known there are no requests: nothing is proven in it."""
    known: dict[str, float | None] = {}
    found = []
    for (metric, at, value), after in pairwise([*rows, ("", now, None)]):
        known[metric] = value
        share, rate = known.get("app.error_rate"), known.get("app.rps")
        held = max(0.0, min((after[1] - at).total_seconds(), HOLDS_S))
        found.append(Stretch(at, share or 0.0, 0.0 if share is None or rate is None else rate * held))
    return found


def _proof(service: str, told: list[Stretch], begin: datetime, since: datetime, done: Done) -> Proof | None:
    """What was usual was before `begin`, and its own begins at `since`."""
    usual = max((s.share for s in told if s.at < begin), default=0.0)
    mine = [s for s in told if s.at >= since]
    fails = done.fails([s.at for s in mine if s.share > usual])
    if not fails:
        return None
    effect, end = done.at, done.ill_until(fails[0], fails[-1])
    ill = [s for s in mine if fails[0] <= s.at <= end]
    requests = sum(s.requests for s in ill)
    failed = sum(s.requests * max(0.0, s.share - usual) for s in ill)
    well_from = max(fails[-1], effect) if effect else fails[-1]
    clean = sum(s.requests for s in mine if s.at > well_from)
    needed = runs_needed(failed, requests) if requests else 0
    return Proof(
        service, failed, requests, clean, needed, fails[-1], "requests", is_failing=mine[-1].share > usual
    )
