"""The verbs of chaos mode: settings, on and off, and what is done when it is time. One worker at a time does it: whose
compare-and-set of the next time went through."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from actions import audit, grants, policy
from chaos import service
from chaos.faults.base import Fault
from chaos.gameday.allowed import beforehand
from chaos.mode import steady
from chaos.models import Injection, Schedule
from chaos.registry import FAULTS
from incidents import live
from incidents.models import OPEN_STATES, Incident
from systems.models import System

log = logging.getLogger(__name__)
BY = "chaos mode"
LEAST_S, MOST_S = 60, 24 * 3600
HURTS = 24  # fresh looks in a row at which more fails than may: it is ended
SPARE_MINUTES = 5.0  # of an approval given beforehand, after the fault
SETTINGS = (
    "every_s",
    "lasts_s",
    "categories",
    "faults",
    "most_parts",
    "most_impact",
    "from_hour",
    "until_hour",
    "approve",
)


class Wrong(ValueError):
    """A setting cannot be what is asked for; the message says why."""


def of(system: System) -> Schedule:
    """The system's, made with the defaults where there is none."""
    return Schedule.objects.get_or_create(system=system)[0]


def categories() -> list[str]:
    return sorted({fault.category for fault in FAULTS.values()})


def change(system: System, by: str, **wanted: Any) -> Schedule:
    """Set some of SETTINGS. Raises Wrong."""
    row = of(system)
    values = {name: wanted[name] for name in SETTINGS if wanted.get(name) is not None}
    if unknown := set(wanted) - set(SETTINGS):
        raise Wrong(f"there is no setting {', '.join(sorted(unknown))}; there are {', '.join(SETTINGS)}")
    _check({**{name: getattr(row, name) for name in SETTINGS}, **values}, service.driver_of(system))
    Schedule.objects.filter(pk=row.pk).update(**values, changed_by=by, changed_at=timezone.now())
    audit.append(by, "chaos.schedule.changed", system=system.slug, data=values)
    _told()
    return of(system)


def needs_approver(row: Schedule, wanted: Mapping[str, Any], on: bool | None = None) -> bool:
    """Whether this would have something approved beforehand in a person's name: only who may approve may do that."""
    approve = wanted.get("approve", row.approve)
    return bool(approve and (on or not row.approve))


def _check(v: dict[str, Any], driver: str) -> None:
    if not LEAST_S <= v["every_s"] <= MOST_S:
        raise Wrong(f"a fault comes every {LEAST_S} seconds at the soonest and once a day at the least")
    if not 10 <= v["lasts_s"] <= 600:
        raise Wrong("a fault lasts between 10 and 600 seconds")
    if not 0 < v["most_impact"] <= 1:
        raise Wrong("the share of what may fail is above 0 and at most 1")
    if not (0 <= v["from_hour"] < 24 and 0 < v["until_hour"] <= 24 and v["from_hour"] != v["until_hour"]):
        raise Wrong("a window is from an hour of the day to another one")
    if unknown := set(v["categories"]) - set(categories()):
        raise Wrong(f"there is no category {', '.join(sorted(unknown))}; there are {', '.join(categories())}")
    if unknown := set(v["faults"]) - set(FAULTS):
        raise Wrong(f"there is no fault {', '.join(sorted(unknown))}")
    if not allowed(v["categories"], v["faults"], v["most_parts"], driver):
        raise Wrong("no fault is left with these limits")


def allowed(
    categories: Collection[str], faults: Collection[str], most_parts: int, driver: str
) -> list[Fault]:
    """What may be drawn."""
    return [
        fault
        for fault in FAULTS.values()
        if driver in fault.drivers
        and (not categories or fault.category in categories)
        and (not faults or fault.id in faults)
        and len(fault.targets) <= most_parts
    ]


def turn_on(system: System, by: str) -> Schedule:
    """The first fault comes after one interval."""
    row, now = of(system), timezone.now()
    values = {"next_at": now + timedelta(seconds=row.every_s), "halted": "", "halted_at": None, "hurting": 0}
    if Schedule.objects.filter(pk=row.pk, on=False).update(on=True, skipped="", changed_by=by, **values):
        audit.append(by, "chaos.schedule.on", system=system.slug)
        _told()
    return of(system)


def turn_off(system: System, by: str, *, why: str = "") -> Schedule:
    """No more faults; one that runs ends at its deadline, or when it is repaired. `why`: it was halted."""
    row = of(system)
    values: dict[str, Any] = {"halted": why, "halted_at": timezone.now()} if why else {}
    if Schedule.objects.filter(pk=row.pk, on=True).update(on=False, next_at=None, changed_by=by, **values):
        audit.append(by, "chaos.schedule.off", system=system.slug, data={"why": why} if why else {})
        _told()
    return of(system)


def is_anywhere_on() -> bool:
    return Schedule.objects.filter(on=True).exists()


def tick() -> list[Injection]:
    """Halt what hurts too much, and break something where it is time; what was broken. Safe to call at any time."""
    rows = [row for row in Schedule.objects.filter(on=True).select_related("system") if not _halted(row)]
    made = [_due(row, timezone.now()) for row in rows]
    return [injection for injection in made if injection is not None]


def _halted(row: Schedule) -> bool:
    """Whether more failed for customers, while a fault of ours ran, than may."""
    running = Injection.objects.filter(system=row.system, by=BY, status=Injection.Status.RUNNING)
    at, share = steady.impact(row.system)
    if at is None or (row.looked_at is not None and at <= row.looked_at):
        return False
    hurting = row.hurting + 1 if share > row.most_impact and running.exists() else 0
    mine = Schedule.objects.filter(pk=row.pk, on=True, looked_at=row.looked_at)
    if not mine.update(hurting=hurting, looked_at=at) or hurting < HURTS:
        return False
    why = (
        f"{share:.0%} of what customers do failed for {HURTS} looks in a row, more than {row.most_impact:.0%}"
    )
    turn_off(row.system, BY, why=why)
    for injection in running:
        service.take_back(str(injection.pk), f"{BY}: {why}"[:120])
    service.sync()
    return True


def _due(row: Schedule, now: datetime) -> Injection | None:
    """What is broken now; None when it is not time, or it is not the moment: why not is kept."""
    if row.next_at is None or row.next_at > now:
        return None
    after = now + timedelta(seconds=row.every_s)
    if not Schedule.objects.filter(pk=row.pk, on=True, next_at=row.next_at).update(next_at=after):
        return None  # another worker's turn
    service.sync()
    service.tidy(row.system)
    if why := in_no_window(row, now) or steady.why_not(row.system):
        _skip(row, why)
        return None
    found = allowed(row.categories, row.faults, row.most_parts, service.driver_of(row.system))
    fault = _draw(found, row.system)
    if fault is None:
        _skip(row, "no fault is left with these limits")
        return None
    lasts = min(float(row.lasts_s), fault.max_duration_s)
    params = {"seed": random.randrange(1, 10_000)}
    try:
        injection = service.press(row.system.slug, fault.id, by=BY, params=params, duration_s=lasts)
    except service.Refused as error:
        _skip(row, str(error))
        return None
    if row.approve:
        _approve(row, fault, injection, lasts)
    Schedule.objects.filter(pk=row.pk).update(skipped="", skipped_at=None, hurting=0)
    return injection


def in_no_window(row: Schedule, now: datetime) -> str:
    """Why the hour is none of the schedule's; empty: it is one."""
    hour = now.hour
    over_night = row.until_hour < row.from_hour
    inside = (
        (row.from_hour <= hour or hour < row.until_hour)
        if over_night
        else row.from_hour <= hour < row.until_hour
    )
    return "" if inside else f"it is outside of its window, {row.from_hour}:00 to {row.until_hour}:00 UTC"


def _draw(found: list[Fault], system: System) -> Fault | None:
    """One of those that were drawn the fewest times."""
    drawn = Counter(Injection.objects.filter(system=system, by=BY).values_list("fault", flat=True))
    fewest = min((drawn[f.id] for f in found), default=0)
    return random.choice([f for f in found if drawn[f.id] == fewest]) if found else None


def _approve(row: Schedule, fault: Fault, injection: Injection, lasts: float) -> None:
    grants.give(
        row.system, scope=grants.Scope.SCHEDULE, scope_id=str(injection.pk), requester=policy.AGENT,
        actions=beforehand(row.system, fault.approves), created_by=row.changed_by or BY,
        reason="chaos mode broke something", minutes=lasts / 60 + SPARE_MINUTES,
    )  # fmt: skip


def _skip(row: Schedule, why: str) -> None:
    """Keep why nothing was broken."""
    Schedule.objects.filter(pk=row.pk).update(skipped=why, skipped_at=timezone.now())
    log.info("chaos mode of %s: nothing is broken now, %s", row.system.slug, why)
    _told()


def open_incidents(system: System) -> int:
    return Incident.objects.filter(system=system, state__in=OPEN_STATES).count()


def _told() -> None:
    live.publish("chaos", {"kind": "schedule"})
