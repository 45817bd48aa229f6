"""What tells "gone" from "just now not to be seen": how often a fault came back, and in which share of runs it showed.

An intermittent fault that showed in a share p of journey runs is taken for gone after so many clean runs in a row that
it would have shown with 99 % certainty: ln(0.01) / ln(1 - p), p being the lower confidence bound of what was seen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from agent import behind
from incidents.facts import Seen
from incidents.findings import Finding
from incidents.models import Incident, Symptom, TimelineEvent
from incidents.picture import Picture
from incidents.signals import CATALOG
from incidents.standing import standing
from systems import services

Z = 1.645  # one-sided 95 %
MISSED = 0.01  # how likely the fault may be overlooked
MOST_RUNS = 300
ALONE = 12  # what went away by itself: so many clean runs, or twice as many as failed
MOST_GAP_S = 90.0  # a fault that comes back less often is another incident
JOURNEY = "journey_failed"
AFTER = timedelta(seconds=5)  # a run that began while it was ill ends a little later
LEAD = timedelta(seconds=15)  # a first crash is older than its first symptom

_EXITS = """
select service, at from (
  select service, at, value, lag(value) over (partition by service order by at) as earlier from systems_reading
  where system_id = %s and metric = 'unit.restarts' and value is not null and at >= %s
    and service in (select service from incidents_symptom where incident_id = %s)
) r where value > earlier order by at
"""
_RUNS = """
select label, at, value >= 1, coalesce(text, '') from systems_reading
where system_id = %s and metric = 'journey.ok' and value is not null and at >= %s order by at
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """How far what failed in some runs only has shown itself well: `clean` in a row of `needed`. `name`: a journey, or
    a service whose own requests (`of`) are counted; `is_failing`: as of the newest reading."""

    name: str
    failed: float
    runs: float
    clean: float
    needed: int
    last_failed: datetime
    of: str = "runs"
    is_failing: bool = False

    def words(self) -> str:
        return f"{self.name} failed in {self.failed:.0f} of {self.runs:.0f} {self.of}"


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about it: when it had its effect, when it was begun, from which on a run may be well for it, and
    when what was done before it, for another cause, had its own: what failed until then tells nothing of the rest.
    `proven`: when all was measured to be over; where none fails after it, what is tidied up then needs no proof of its
    own."""

    at: datetime | None = None
    begun: datetime | None = None
    before: datetime | None = None
    proven: datetime | None = None

    def ill_until(self, first: datetime, last: datetime) -> datetime:
        """Of what failed at `first` and at `last`: to what was done about it, or to the end."""
        return next((at for at in (self.begun, self.at) if at is not None and first < at), last)

    def fails(self, all_: list[datetime]) -> list[datetime]:
        """Those that are to be counted."""
        if self.proven is not None and not any(at > self.proven for at in all_):
            return []
        mine = [at for at in all_ if self.before is None or at > self.before + AFTER]
        return mine if any(self.at is None or at < self.at for at in mine) else all_


NOTHING = Done()


def lowest_share(failed: float, runs: float) -> float:
    """Wilson's lower bound of the share of failing runs."""
    share, z2 = failed / runs, Z * Z
    spread = Z * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs))
    return max(0.0, (share + z2 / (2 * runs) - spread) / (1 + z2 / runs))


def runs_needed(failed: float, runs: float) -> int:
    """Clean runs in a row that the fault would hardly have let pass. 0 for one that failed every time."""
    if not failed or failed == runs:
        return 0
    share = lowest_share(failed, runs)
    return min(MOST_RUNS, math.ceil(math.log(MISSED) / math.log(1 - share))) if share else MOST_RUNS


def ill_from(incident: Incident) -> datetime:
    """From when on what failed was this incident's: a little before its first symptom, but not before the one before it
    was over, whose failures tell nothing of how often this one shows."""
    begin = incident.started_at - LEAD
    over = Incident.objects.filter(
        system_id=incident.system_id, resolved_at__gt=begin, resolved_at__lte=incident.started_at
    )
    ends = [*over.values_list("resolved_at", flat=True), *(o.resolved_at for o in incident.openings)]
    return max([begin, *(at for at in ends if at is not None and at <= incident.started_at)])


def proofs(
    incident: Incident,
    done: Done = NOTHING,
    tells_nothing: Callable[[datetime, str], bool] = lambda *_: False,
) -> list[Proof]:
    """For each journey that failed in some runs and not in others while ill. `tells_nothing`: of a failed run, by when
    it was and what it said."""
    runs: dict[str, list[tuple[datetime, bool]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, [incident.system_id, ill_from(incident)])
        for label, at, well, text in cursor.fetchall():
            if well or not tells_nothing(at, text):
                runs.setdefault(label, []).append((at, well))
    for label, since, until in _failing_for_others(incident):
        runs[label] = [(at, well) for at, well in runs.get(label, ()) if well or not since <= at <= until]
    found = [_proof(label, rows, done) for label, rows in sorted(runs.items())]
    return [p for p in found if p is not None and p.needed]


def _failing_for_others(incident: Incident) -> list[tuple[str, datetime, datetime]]:
    """(journey, from, to) in which it failed for another incident: that says nothing of this one."""
    rows = Symptom.objects.filter(system=incident.system_id, signal=JOURNEY).exclude(incident=None)
    rows = rows.exclude(incident=incident.pk).exclude(cleared_at__lt=ill_from(incident))
    now = timezone.now()
    return [(r.label, r.first_seen - LEAD, (r.cleared_at or now) + AFTER) for r in rows]


def _proof(journey: str, rows: list[tuple[datetime, bool]], done: Done) -> Proof | None:
    fails = done.fails([at for at, well in rows if not well])
    if not fails:
        return None
    effect, end = done.at, done.ill_until(fails[0], fails[-1])
    ill = [well for at, well in rows if fails[0] <= at <= end]
    since = max(fails[-1], effect) if effect else fails[-1]
    clean = sum(1 for at, _ in rows if at > since)
    failed = ill.count(False)
    needed = runs_needed(failed, len(ill))
    if effect is None:  # nothing is known to have ended it
        needed = max(needed, min(ALONE, 2 * failed))
    return Proof(journey, failed, len(ill), clean, needed, fails[-1])


def exits(incident: Incident) -> list[tuple[str, datetime]]:
    """(service, when) a process of the incident ended by itself and was started again, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_EXITS, [incident.system_id, ill_from(incident), incident.pk])
        return [(service, at) for service, at in cursor.fetchall()]


def longest_gap(incident: Incident, ended: list[tuple[str, datetime]], effect: datetime | None) -> float:
    """Seconds: the longest time in which it seemed to be over and was not: between two deaths of one process, or
    without any opening symptom of this incident. One symptom that comes and goes beside others is no recurrence."""
    times: dict[str, list[datetime]] = {}
    for service, at in ended:
        times.setdefault(service, []).append(at)
    gaps = [(b - a).total_seconds() for all_ in times.values() for a, b in pairwise(all_)]
    gaps += [gap for gap in _between(incident) if gap <= MOST_GAP_S]
    return min(max([*gaps, *_quiet(incident, effect)], default=0.0), MOST_GAP_S)


def _between(incident: Incident) -> list[float]:
    """Seconds from each time that it was resolved until it was back."""
    pairs = pairwise(incident.all_openings)
    return [(b.started_at - a.resolved_at).total_seconds() for a, b in pairs if a.resolved_at is not None]


def _quiet(incident: Incident, effect: datetime | None) -> list[float]:
    """Seconds of each stretch without an opening symptom between two with one; what ends after the effect ended by it,
    so what is quiet then is no recurrence until it comes back."""
    kinds = TimelineEvent.Kind
    events = TimelineEvent.objects.filter(
        incident=incident, kind__in=(kinds.SYMPTOM, kinds.CLEARED), at__gte=incident.opened_at
    )
    if effect is not None:
        events = events.filter(at__lte=effect)
    opening = set(Symptom.objects.filter(incident=incident, opens=True).values_list("pk", flat=True))
    held: set[int] = set()
    quiet_since: datetime | None = None
    stretches: list[float] = []
    for event in events.order_by("seq"):
        facts = event.facts
        if not isinstance(facts, Seen) or (symptom := facts.symptom) is None or symptom not in opening:
            continue
        if event.kind == kinds.SYMPTOM:
            if quiet_since is not None:
                stretches.append((event.at - quiet_since).total_seconds())
            held.add(symptom)
            quiet_since = None
        else:
            held.discard(symptom)
            quiet_since = quiet_since if held else quiet_since or event.at
    return stretches


def was_steady(incident: Incident, acted_on: Finding | None) -> bool:
    """Whether what was acted on showed itself on its own part without a break, and is gone: then those who need that
    part failed for it, and not now and then by themselves."""
    if acted_on is None:
        return False
    members = services.load(incident.system.slug).graph.members(acted_on.component)
    told = {(e.signal, e.service) for e in acted_on.pro if e.signal in CATALOG and e.service in members}
    signs = [name for name in told if CATALOG[name[0]].klass == "own" or CATALOG[name[0]].down]
    rows = [s for s in incident.symptoms.filter(opens=True) if (s.signal, s.service) in signs]
    begun = TimelineEvent.objects.filter(incident=incident, kind=TimelineEvent.Kind.SYMPTOM)
    times = Counter(e.facts.symptom for e in begun if isinstance(e.facts, Seen))
    return any(s.cleared_at is not None for s in rows) and all(
        s.cleared_at is not None and times[s.pk] == 1 for s in rows
    )


def limits_changed(incident: Incident, picture: Picture) -> list[str]:
    """Of limits of this incident's parts that somebody set at run time and that were not seen to be put back, in words:
    nothing of ours put one back, so what they bring about will come back."""
    limits = [s.id for s in CATALOG.values() if s.of_a_limit]
    return _left(incident.symptoms.filter(signal__in=limits), picture, "what may have caused them")


def still_changed(incident: Incident, picture: Picture) -> list[str]:
    """The same, and of the changed settings that are taken for the cause."""
    limits, verdict = limits_changed(incident, picture), incident.verdict
    if verdict.standing not in ("known", "refuted") or not verdict.bars:
        return limits
    shown = behind.shown(verdict.bars[0], services.load(incident.system.slug).graph)
    # of the whole system: what was changed long before belongs to no incident; what was given up, to this one only
    theirs = Symptom.objects.filter(system_id=incident.system_id).filter(
        Q(cleared_at=None) | Q(incident=incident)
    )
    mine = [s for s in theirs if behind.is_setting(s.signal) and (s.signal, s.service) in shown]
    return limits + _left(mine, picture, "what caused them")


def _left(rows: Iterable[Symptom], picture: Picture, what: str) -> list[str]:
    """What is to be said of those that are not seen to be over."""
    words = {
        "holds": f"{what} is not: {{}}",
        "unread": f"whether {what} is gone is not known, it cannot be read now: {{}}",
    }
    found = [(row, standing(row, picture)) for row in rows]
    return [words[now].format(row.title) for row, now in found if now != "over"]


def is_calm(incident: Incident, picture: Picture, least_s: float) -> bool:
    """Whether an incident without symptoms, that nobody works on, was seen to be well for long enough for its fault: up
    to the newest look, whatever the time is."""
    if (now := picture.at) is None:
        return False
    ended = exits(incident)
    last = incident.symptoms.filter(opens=True).order_by("-cleared_at").values_list("cleared_at", flat=True)
    ends = [at for at in [*last[:1], *(at for _, at in ended[-1:])] if at is not None]
    quiet = (now - max(ends)).total_seconds() if ends else least_s
    if quiet < max(least_s, 2 * longest_gap(incident, ended, None)):
        return False
    return all(p.clean >= p.needed for p in proofs(incident)) and not still_changed(incident, picture)
