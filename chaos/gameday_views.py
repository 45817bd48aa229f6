"""The page of game days: one of them run by run, what was measured of its code in each mode, and the trend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chaos.gameday import table
from chaos.gameday.table import Sum
from chaos.models import GameDay, GameDayRun

SHOWN_DAYS = 30
EDGE = timedelta(hours=1)


@require_GET
@login_required
def gameday(request: HttpRequest) -> HttpResponse:
    """The last game days, and the one that is asked for (else the newest)."""
    days = list(GameDay.objects.prefetch_related("runs")[:SHOWN_DAYS])
    for day in days:
        day.counted = table.sums(table.rows_of(day))  # type: ignore[attr-defined]
    wanted = request.GET.get("day", "")
    shown = next((d for d in days if str(d.pk) == wanted), days[0] if days else None)
    if shown is None:
        return render(request, "chaos/gameday.html", {"days": days})
    same = [d for d in days if d.commit and d.commit == shown.commit] or [shown]
    context = {
        "days": days,
        "shown": shown,
        "total": _total(shown),
        "groups": _groups(shown),
        "sums": table.sums(row for day in same for row in table.rows_of(day)),
        "together": len(same),
        "plot": trend(days),
    }
    return render(request, "chaos/gameday.html", context)


def _total(day: GameDay) -> dict[str, int]:
    """Of all its modes."""
    counted: list[Sum] = day.counted  # type: ignore[attr-defined]
    names = (
        "runs",
        "first_right",
        "last_right",
        "fixed",
        "needless",
        "harm",
        "false_recoveries",
        "data_lost",
    )
    return {name: sum(getattr(s, name) for s in counted) for name in (*names, "wrong_actions")}


def _groups(day: GameDay) -> list[tuple[str, list[GameDayRun]]]:
    groups: dict[str, list[GameDayRun]] = defaultdict(list)
    for run in sorted(day.runs.all(), key=lambda r: (r.category, r.fault, r.seed)):
        groups[run.category].append(run)
    return sorted(groups.items())


def trend(days: Sequence[GameDay]) -> dict[str, Any] | None:
    """The agent's share of runs fixed, a line per mode, as static/js/plot.js takes it; None: nothing to draw."""
    lines: dict[str, tuple[list[str], list[float]]] = defaultdict(lambda: ([], []))
    for day in reversed(days):
        for counted in day.counted if not day.baseline else ():  # type: ignore[attr-defined]
            at, share = lines[counted.mode]
            at.append(day.started_at.isoformat())
            share.append(round(100 * counted.fixed / counted.runs, 1))
    if not lines:
        return None
    series = [
        {"name": mode, "unit": "% fixed", "mode": "lines+markers", "x": at, "y": share}
        for mode, (at, share) in sorted(lines.items())
    ]
    span = [(days[-1].started_at - EDGE).isoformat(), (days[0].started_at + EDGE).isoformat()]
    return {"unit": "% of runs fixed", "series": series, "marks": [], "span": span}
