"""What closed incidents teach: similar cases, how often a fix cured a cause, how often a symptom came with it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import F

from knowledge.models import Lesson, OutcomeStat
from knowledge.spec import RunbookSpec, split_key
from systems.graph import SystemGraph

# A fix nobody has tried yet counts as one that worked in 2 of 3 tries.
PRIOR_SUCCESSES, PRIOR_TRIES = 2.0, 3.0
REMEMBERED = 300
SIMILAR_AT = 0.35
MAX_BOOST_BITS = 1.5


@dataclass(frozen=True)
class Case:
    """A past incident that looked like this one. `similarity` from 0 to 1."""

    incident_number: int
    component: str
    cause: str
    similarity: float
    recovered: bool
    actions: tuple[dict[str, Any], ...]
    seconds_to_repair: float | None
    at: datetime


def record_lesson(
    *,
    incident_number: int,
    system_slug: str,
    component: str,
    cause: str,
    signals: Sequence[Sequence[str]],
    actions: Sequence[dict[str, Any]],
    recovered: bool,
    seconds_to_repair: float | None = None,
    absent: Sequence[Sequence[str]] = (),
) -> Lesson | None:
    """Keep a closed incident as a case; again for the same number replaces it. None when no cause was found.

    `signals`: (signal, service) pairs that held; `absent`: pairs that were measured all the while and never held.
    `recovered`: an action of ours was measured to have cured this cause; nothing is learnt from the others.
    """
    if not cause:
        return None
    values = {
        "system_slug": system_slug,
        "component": component,
        "cause": cause,
        "signals": [list(p) for p in signals],
        "absent": [list(p) for p in absent],
        "actions": list(actions),
        "recovered": recovered,
        "seconds_to_repair": seconds_to_repair,
    }
    lesson, _ = Lesson.objects.update_or_create(incident_number=incident_number, defaults=values)
    return lesson


def forget_cure(incident_number: int) -> None:
    """What was kept as cured has come back: the case stays, and teaches nothing."""
    Lesson.objects.filter(incident_number=incident_number).update(recovered=False)


def similar(signals: Iterable[Sequence[str]], limit: int = 5, system_slug: str | None = None) -> list[Case]:
    """Past cases with alike symptoms, the most alike first; rare symptoms count more than common ones."""
    now = {(p[0], p[1]) for p in signals}
    rows = Lesson.objects.all()
    if system_slug is not None:
        rows = rows.filter(system_slug=system_slug)
    past = list(rows.order_by("-at")[:REMEMBERED])
    if not now or not past:
        return []
    sets = {lesson.pk: {(s[0], s[1]) for s in lesson.signals} for lesson in past}
    counts = Counter(pair for pairs in sets.values() for pair in pairs)

    def weight(pairs: set[tuple[str, str]]) -> float:
        return sum(math.log(1 + len(past) / (1 + counts[p])) for p in pairs)

    cases = []
    for lesson in past:
        both = weight(sets[lesson.pk] | now)
        likeness = weight(sets[lesson.pk] & now) / both if both else 0.0
        if likeness >= SIMILAR_AT:
            cases.append(_case(lesson, likeness))
    return sorted(cases, key=lambda c: (-c.similarity, -c.incident_number))[:limit]


def _case(lesson: Lesson, likeness: float) -> Case:
    return Case(
        lesson.incident_number,
        lesson.component,
        lesson.cause,
        round(likeness, 3),
        lesson.recovered,
        tuple(lesson.actions),
        lesson.seconds_to_repair,
        lesson.at,
    )


def boosts(cases: Iterable[Case]) -> dict[str, float]:
    """Bits in favour of `component:cause` from recovered cases that looked alike; capped, so they never decide."""
    found: dict[str, float] = {}
    for case in cases:
        if case.recovered:
            key = f"{case.component}:{case.cause}"
            found[key] = min(found.get(key, 0.0) + 0.5 * case.similarity, MAX_BOOST_BITS)
    return found


def learned(
    specs: Sequence[RunbookSpec], system_slug: str, graph: SystemGraph
) -> dict[tuple[str, str], tuple[float, float]]:
    """(hits, misses) per (cause, symptom key) from the incidents of this system that an action of ours was measured to
    have cured."""
    rows = Lesson.objects.filter(recovered=True, system_slug=system_slug, cause__in=[s.id for s in specs])
    return counted(specs, rows.order_by("-at")[:REMEMBERED], graph)


class Told(Protocol):
    """What a lesson tells of signs."""

    component: Any
    cause: Any
    signals: Any
    absent: Any


def counted(
    specs: Sequence[RunbookSpec], cases: Iterable[Told], graph: SystemGraph
) -> dict[tuple[str, str], tuple[float, float]]:
    """As `learned`, of these cases. A key that a case says nothing of (nothing it means was measured, or nothing is
    where it means) is left out of it: no news moves nothing."""
    by_id = {s.id: s for s in specs}
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for case in cases:
        if (spec := by_id.get(case.cause)) is None:
            continue
        held, absent = ({(p[0], p[1]) for p in pairs} for pairs in (case.signals, case.absent))
        members = graph.members(case.component)
        for key in spec.symptoms:
            signal, scope = split_key(key)
            near = graph.around(members, scope)
            places = {(s, n) for s, n in held | absent if s == signal and (scope == "any" or n in near)}
            if places:
                hits, misses = found.get((spec.id, key), (0.0, 0.0))
                hit = not places.isdisjoint(held)
                found[spec.id, key] = (hits + hit, misses + (not hit))
    return found


def record_outcome(cause: str, action: str, *, worked: bool, system_slug: str = "") -> None:
    """Count a fix whose result was measured, for the system it was measured on."""
    if not cause or not action:
        return
    stat, _ = OutcomeStat.objects.get_or_create(system_slug=system_slug, cause=cause, action=action)
    name = "successes" if worked else "failures"
    OutcomeStat.objects.filter(pk=stat.pk).update(**{name: F(name) + 1})


def cure_rate(cause: str, action: str, system_slug: str = "") -> float:
    """How often this action cured this cause on this system: a Beta mean, 2 of 3 when never tried."""
    stat = OutcomeStat.objects.filter(system_slug=system_slug, cause=cause, action=action).first()
    good, bad = (stat.successes, stat.failures) if stat else (0, 0)
    return (good + PRIOR_SUCCESSES) / (good + bad + PRIOR_TRIES)
