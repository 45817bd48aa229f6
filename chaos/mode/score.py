"""What the agent made of the faults of chaos mode: kept with each once it is over, and summed up by week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

from django.utils import timezone

from chaos import scorecard
from chaos.mode.service import BY
from chaos.models import Injection
from incidents.models import State
from systems.models import System

SETTLED = timedelta(
    seconds=90
)  # after its end: an incident about it has been opened by then, and mostly closed
LATEST = timedelta(minutes=20)
WEEKS = 8
AT_ONCE = 50


@dataclass(frozen=True)
class Week:
    """Seven days from Monday `begins`. Times are medians in seconds from the fault, None where there is none."""

    begins: date
    faults: int
    noticed: int
    resolved: int
    handed_over: int
    detect_s: float | None
    resolve_s: float | None

    @property
    def share(self) -> int:
        """Of the faults that were over by themselves or by the agent before their end, in per cent."""
        return round(100 * self.resolved / self.faults) if self.faults else 0


def settle() -> int:
    """Keep the result of what is over; how many."""
    now = timezone.now()
    ended = Injection.objects.filter(
        by=BY, result__isnull=True, reverted_at__lt=now - SETTLED
    ).select_related("system")
    rows = list(ended.order_by("started_at")[:AT_ONCE])
    for system in {row.system for row in rows}:
        mine = [row for row in rows if row.system == system]
        found = scorecard.about(system, mine)
        for row in mine:
            result = _result(row, found.get(row.pk))
            if (
                result["state"] in ("open", "handed_over")
                and row.reverted_at
                and row.reverted_at > now - LATEST
            ):
                continue  # it may be resolved yet
            Injection.objects.filter(pk=row.pk, result__isnull=True).update(result=result)
    return len(rows)


def is_owed() -> bool:
    return Injection.objects.filter(
        by=BY, result__isnull=True, reverted_at__lt=timezone.now() - SETTLED
    ).exists()


def _result(row: Injection, brought: scorecard.Brought | None) -> dict[str, Any]:
    if brought is None:
        return {"incident": None, "detect_s": None, "resolve_s": None, "state": "not noticed"}
    opening, incident = brought.opening, brought.incident
    resolved = opening.resolved_at
    in_time = resolved is not None and (row.reverted_at is None or resolved <= row.reverted_at)
    state = (
        "resolved"
        if in_time
        else "handed_over"
        if _was_handed_over(incident)
        else "open"
        if resolved is None
        else "ended"
    )
    return {
        "incident": incident.number,
        "detect_s": round((opening.opened_at - row.started_at).total_seconds(), 1),
        "resolve_s": round((resolved - row.started_at).total_seconds(), 1) if resolved and in_time else None,
        "state": state,
    }


def _was_handed_over(incident: Any) -> bool:
    return bool(incident.state == State.HANDED_OVER or incident.events.filter(kind="handover").exists())


def weeks(system: System) -> list[Week]:
    """The last ones, the newest first; without those in which nothing was broken."""
    today = timezone.now().date()
    first = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    rows = Injection.objects.filter(system=system, by=BY, started_at__date__gte=first).filter(
        result__isnull=False
    )
    by_week: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for started, result in rows.values_list("started_at", "result"):
        day = started.date()
        by_week[day - timedelta(days=day.weekday())].append(result or {})
    return [_week(begins, by_week[begins]) for begins in sorted(by_week, reverse=True)]


def _week(begins: date, results: list[dict[str, Any]]) -> Week:
    states = [r["state"] for r in results]
    return Week(
        begins,
        len(results),
        sum(r["incident"] is not None for r in results),
        states.count("resolved"),
        states.count("handed_over"),
        _median(r["detect_s"] for r in results),
        _median(r["resolve_s"] for r in results),
    )


def _median(values: Iterable[float | None]) -> float | None:
    there = [v for v in values if v is not None]
    return round(median(there), 1) if there else None
