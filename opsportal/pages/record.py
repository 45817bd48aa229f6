"""Seven days in figures: how incidents ended, and how long they took. Each number is what the records say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

from django.db.models import Count, F, Q
from django.utils import timezone

from actions.models import ActionRequest, Status
from chaos import scorecard
from chaos.models import Injection
from incidents.models import Incident, State, TimelineEvent
from systems.models import System

DAYS = 7
BY_AGENT, ALONE, BY_PEOPLE, OPEN = "by_agent", "alone", "by_people", "open"


def record(system: System) -> dict[str, Any]:
    """How the incidents since then ended, in three numbers and those still open; times to detect and to recover in
    seconds (median, p90), counted from the injection where a fault was put in, else from the first symptom. Of an
    incident that came back each opening counts by its own times."""
    since = timezone.now() - timedelta(days=DAYS)
    told = Incident.objects.filter(system=system, opened_at__gte=since, merged_into=None)
    incidents = list(told.only("number", "state", "started_at", "opened_at", "resolved_at", "openings"))
    began = _injected(system, since)
    openings = [o for i in incidents for o in i.all_openings if o.opened_at >= since]
    detect = [(o.opened_at - began.get(o.opened_at, o.started_at)).total_seconds() for o in openings]
    over = [i for i in incidents if i.resolved_at]
    repair = [
        (o.resolved_at - began.get(o.opened_at, o.started_at)).total_seconds()
        for o in openings
        if o.resolved_at
    ]
    ends = Counter(endings(incidents).values())
    acted = ActionRequest.objects.filter(system=system, requested_at__gte=since).aggregate(
        run=Count("pk", filter=Q(claimed_at__isnull=False)),
        asked=Count(
            "pk", filter=Q(decision__by__isnull=False) | Q(status__in=[Status.WAITING, Status.EXPIRED])
        ),
        rejected=Count("pk", filter=Q(status=Status.REJECTED)),
    )
    return {
        "total": len(incidents),
        "over": len(over),
        **{name: ends[name] for name in (BY_AGENT, ALONE, BY_PEOPLE, OPEN)},
        "acts": acted,
        "d50": _at(detect, 50),
        "d90": _at(detect, 90),
        "r50": _at(repair, 50),
        "r90": _at(repair, 90),
    }


def _at(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _injected(system: System, since: datetime) -> dict[datetime, datetime]:
    """When the fault behind an incident was put in, where one was; by when the incident opened."""
    presses = list(Injection.objects.filter(system=system, started_at__gte=since))
    found = scorecard.about(system, presses)
    began: dict[datetime, datetime] = {}
    for press in presses:
        if press.pk in found:
            at = found[press.pk].opening.opened_at
            began[at] = min(press.started_at, began.get(at, press.started_at))
    return began


@dataclass
class _Story:
    """What the records tell of one incident, oldest first."""

    handed_over: datetime | None = None  # the last time
    by_person: bool = False  # a person closed it
    acts: list[tuple[bool, datetime]] = field(default_factory=list)  # (by a run of the agent, finished)
    verdicts: list[tuple[datetime, bool, bool]] = field(
        default_factory=list
    )  # (at, recovered, something cleared)

    def since(self, at: datetime) -> _Story:
        """What is of the newest of the times that it was open."""
        handed = self.handed_over if self.handed_over is not None and self.handed_over >= at else None
        acts = [a for a in self.acts if a[1] >= at]
        return _Story(handed, self.by_person, acts, [v for v in self.verdicts if v[0] >= at])


def endings(incidents: Iterable[Incident]) -> dict[int, str]:
    """How each ended, by its number. By the agent: resolved by measurement, after an action of its own that was
    measured to have helped. By people: handed over to them, closed by them, or mended by what they ran. Alone: neither.
    """
    rows = {i.number: i for i in incidents}
    stories = _stories(list(rows))
    return {number: _ending(incident, stories[number]) for number, incident in rows.items()}


def _ending(incident: Incident, story: _Story) -> str:
    if incident.openings:
        story = story.since(incident.opened_at)
    if incident.state == State.HANDED_OVER:
        return BY_PEOPLE
    if incident.state != State.RESOLVED:
        return OPEN
    if not story.by_person and _mended(story):
        return BY_AGENT
    theirs = any(not by_agent for by_agent, _ in story.acts)
    return BY_PEOPLE if story.by_person or story.handed_over or theirs else ALONE


def _mended(story: _Story) -> bool:
    """The last verdict is that it recovered, nobody was given it after, and an action of the agent had helped."""
    if not story.verdicts:
        return False
    last, recovered, _ = story.verdicts[-1]
    if not recovered or (story.handed_over is not None and story.handed_over > last):
        return False
    for by_agent, finished in story.acts:
        judged = next((v for v in story.verdicts if v[0] >= finished), None)
        if by_agent and judged is not None and (judged[1] or judged[2]):
            return True
    return False


def _stories(numbers: list[int]) -> dict[int, _Story]:
    stories: dict[int, _Story] = defaultdict(_Story)
    moves = TimelineEvent.objects.filter(incident__in=numbers, kind=TimelineEvent.Kind.STATE)
    moves = moves.filter(data__to__in=[State.HANDED_OVER, State.RESOLVED]).order_by("seq")
    for number, at, to, person in moves.values_list("incident_id", "at", "data__to", "data__person"):
        if to == State.HANDED_OVER:
            stories[number].handed_over = at
        else:
            stories[number].by_person = bool(person)
    acts = ActionRequest.objects.filter(incident__in=numbers, status=Status.SUCCEEDED, undo_of=None)
    for number, run, finished in acts.order_by(F("finished_at")).values_list(
        "incident_id", "run_id", "finished_at"
    ):
        if number is not None and finished is not None:
            stories[number].acts.append((run is not None, finished))
    told = TimelineEvent.objects.filter(incident__in=numbers, kind=TimelineEvent.Kind.VERIFY)
    verdicts = told.filter(data__has_key="outcome").order_by("seq")  # what is only watched on is none yet
    for number, at, green, cleared in verdicts.values_list(
        "incident_id", "at", "data__green_since", "data__cleared"
    ):
        stories[number].verdicts.append((at, bool(green), bool(cleared)))
    return stories
