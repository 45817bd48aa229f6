"""The pages of game days: one of them run by run, what was measured of its code in each mode, the trend, what is hard;
begun and stopped from here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from actions.gate import APPROVE
from chaos import service, tasks
from chaos.gameday import booked, history, table
from chaos.gameday.history import EDGE
from chaos.gameday.plan import Wanted
from chaos.gameday.table import Sum
from chaos.mode.service import categories
from chaos.models import GameDay, GameDayRun
from chaos.registry import FAULTS
from systems.doors import VIEW, needs
from systems.models import System

SHOWN_DAYS = 30
HARDEST = 8
MAY = "chaos.inject_fault"
ALL = "all"
NUMBERS = {
    "unknown": (0, 100),
    "untraceable": (0, 100),
    "pairs": (0, 100),
    "seeds": (1, 20),
    "first_seed": (1, 100_000),
}


@require_GET
@needs(VIEW)
def gameday(request: HttpRequest) -> HttpResponse:
    """The last game days, and the one that is asked for (else the newest); only what goes on now when htmx asks."""
    context = _now(request)
    if request.headers.get("HX-Request"):
        return render(request, "chaos/_gameday_now.html", context)
    system = context["system"]
    context |= {"categories": categories(), "modes": booked.MODES, "all": len(FAULTS)}
    context |= {
        "may_approve": request.user.has_perm(APPROVE),
        "agent_on": system is not None and system.agent_on,
    }
    return render(request, "chaos/gameday.html", context | _days(request))


def _now(request: HttpRequest) -> dict[str, Any]:
    """What is under way, how far it is, and how long it may take yet, as it went so far."""
    rows = service.breakable()
    wanted = request.GET.get("system")
    system = next((row for row in rows if row.slug == wanted), rows[0] if rows else None)
    day = booked.under_way(system) if system is not None else None
    found: dict[str, Any] = {"system": system, "systems": rows, "now": day, "may": request.user.has_perm(MAY)}
    if day is not None:
        done, total = day.runs.count(), len(day.planned)
        took = (timezone.now() - day.started_at).total_seconds()
        found |= {"done": done, "planned": total, "latest": day.runs.order_by("-pk")[:5]}
        found["left_s"] = took / done * (total - done) if done else None
    return found


def _days(request: HttpRequest) -> dict[str, Any]:
    days = list(GameDay.objects.prefetch_related("runs")[:SHOWN_DAYS])
    for day in days:
        day.counted = table.sums(table.rows_of(day))  # type: ignore[attr-defined]
    wanted = request.GET.get("day", "")
    newest = next((d for d in days if d.runs.all()), None)
    shown = next((d for d in days if str(d.pk) == wanted), newest)
    if shown is None:
        return {"days": days}
    same = [d for d in days if d.commit and d.commit == shown.commit] or [shown]
    return {
        "days": days,
        "shown": shown,
        "total": _total(shown),
        "groups": _groups(shown),
        "sums": table.sums(row for day in same for row in table.rows_of(day)),
        "together": len(same),
        "plot": trend(days),
        "hardest": history.faced()[:HARDEST],
    }


@require_GET
@needs(VIEW)
def faults(request: HttpRequest) -> HttpResponse:
    """What the agent made of every fault so far, the hardest first; of one, run by run."""
    wanted = request.GET.get("fault", "")
    found = history.faced(wanted)
    if not wanted:
        return render(request, "chaos/gameday_faults.html", {"faults": found})
    if not found:
        raise Http404("no game day had this fault")
    context = {"one": found[0], "plot": history.plot(found[0]), "what": FAULTS.get(wanted)}
    return render(request, "chaos/gameday_fault.html", context)


@require_POST
@needs(MAY)
def begin(request: HttpRequest) -> HttpResponse:
    """Workers play it; the page shows how far they are."""
    system = get_object_or_404(System, slug=request.POST.get("system", ""))
    approve = request.POST.get("approve") == "on"
    try:
        if approve and not request.user.has_perm(APPROVE):
            raise booked.Refused("to approve beforehand takes the right to approve")
        day = booked.begin(_wanted(request.POST), system, request.user.get_username(), approve=approve)
    except ValueError as error:
        messages.error(request, f"No game day: {error}.")
        return redirect(f"/gameday/?system={system.slug}")
    tasks.play.delay(day.pk)
    messages.warning(
        request, f"A game day of {len(day.planned)} runs begins. Each takes one to four minutes."
    )
    return redirect(f"/gameday/?system={system.slug}")


def _wanted(form: QueryDict) -> Wanted:
    """Raises ValueError for what is no number, or no category."""
    number = {name: _number(form, name, *bounds) for name, bounds in NUMBERS.items()}
    chosen = form.get("category", "")
    named = [name.strip() for name in form.get("faults", "").split(",") if name.strip()]
    if chosen and chosen != ALL:
        named += [fault.id for fault in FAULTS.values() if fault.category == chosen]
        if chosen not in categories():
            raise booked.Refused(f"there is no category {chosen}")
    return Wanted(
        faults=[] if chosen == ALL else list(dict.fromkeys(named)) or ["none"],
        seeds=range(number["first_seed"], number["first_seed"] + number["seeds"]),
        mode=form.get("mode", ""),
        all=chosen == ALL,
        unknown=number["unknown"],
        untraceable=number["untraceable"],
        pairs=number["pairs"],
    )


def _number(form: QueryDict, name: str, least: int, most: int) -> int:
    text = form.get(name, "") or str(least)
    if not (text.isascii() and text.isdecimal() and least <= int(text[:9]) <= most):
        raise booked.Refused(
            f"{name.replace('_', ' ')}: a whole number from {least} to {most}, not {text[:20]!r}"
        )
    return int(text)


@require_POST
@needs(MAY)
def stop(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("day", "")
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
        raise Http404("there is no such game day")
    day = get_object_or_404(GameDay, pk=wanted, system__isnull=False)
    booked.stop(day, request.user.get_username())
    messages.success(request, "The game day ends: what is in is taken back, and its run is not counted.")
    return redirect(f"/gameday/?system={day.system.slug}" if day.system else "/gameday/")


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
