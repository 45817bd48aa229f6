"""The page of chaos mode: on or off, its limits, what it broke and what came of it, week by week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from actions.gate import APPROVE
from chaos import service as chaos
from chaos.mode import score, service
from chaos.models import Injection
from chaos.registry import FAULTS, title_of
from systems.doors import VIEW, needs
from systems.models import System

SHOWN = 50
MAY = "chaos.inject_fault"


@require_GET
@needs(VIEW)
def mode(request: HttpRequest) -> HttpResponse:
    """Only the part that changes when htmx asks."""
    system = _system(request)
    if system is None:
        return render(request, "chaos/mode.html", {"system": None})
    row, weeks = service.of(system), score.weeks(system)
    context: dict[str, Any] = {
        "system": system,
        "row": row,
        "may": request.user.has_perm(MAY),
        "history": _history(system),
        "weeks": weeks,
        "plot": _plot(weeks),
        "left": len(service.allowed(row.categories, row.faults, row.most_parts, chaos.driver_of(system))),
    }
    if request.headers.get("HX-Request"):
        return render(request, "chaos/_mode.html", context)
    context |= {"systems": chaos.breakable(), "all_categories": service.categories(), "all": len(FAULTS)}
    return render(request, "chaos/mode.html", context)


def _system(request: HttpRequest) -> System | None:
    wanted, rows = request.GET.get("system"), chaos.breakable()
    return next((row for row in rows if row.slug == wanted), rows[0] if rows else None)


def _history(system: System) -> Sequence[Injection]:
    rows = list(Injection.objects.filter(system=system, by=service.BY)[:SHOWN])
    for row in rows:
        row.title = title_of(row.fault)  # type: ignore[attr-defined]
    return rows


def _plot(weeks: Sequence[score.Week]) -> dict[str, Any] | None:
    """The share that was resolved, by week; None: nothing to draw."""
    if not weeks:
        return None
    ordered = list(reversed(weeks))
    at = [week.begins.isoformat() for week in ordered]
    line = {
        "name": "resolved",
        "unit": "% resolved",
        "mode": "lines+markers",
        "x": at,
        "y": [w.share for w in ordered],
    }
    edge = timedelta(days=4)
    span = [(ordered[0].begins - edge).isoformat(), (ordered[-1].begins + edge).isoformat()]
    return {"unit": "% of faults resolved", "series": [line], "marks": [], "span": span}


@require_POST
@needs(MAY)
def change(request: HttpRequest) -> HttpResponse:
    system = get_object_or_404(System, slug=request.POST.get("system", ""))
    try:
        wanted = _wanted(request.POST)
        if service.needs_approver(service.of(system), wanted) and not request.user.has_perm(APPROVE):
            raise service.Wrong("to approve beforehand takes the right to approve")
        service.change(system, request.user.get_username(), **wanted)
        messages.success(request, "Saved. It holds from the next fault on.")
    except ValueError as error:
        messages.error(request, f"Not saved: {error}.")
    return redirect(f"/chaos/mode/?system={system.slug}")


def _wanted(form: QueryDict) -> dict[str, Any]:
    """Raises ValueError for what is no number."""
    numbers: dict[str, Any] = {}
    scale = {"every_s": ("every_min", 60.0), "most_impact": ("most_impact_pct", 0.01)}
    for name in ("every_s", "lasts_s", "most_parts", "most_impact", "from_hour", "until_hour"):
        key, times = scale.get(name, (name, 1.0))
        try:
            value = float(form.get(key, "")) * times
        except ValueError:
            raise service.Wrong(f"{form.get(key, '')!r} is no number") from None
        numbers[name] = value if name == "most_impact" else round(value)
    return {**numbers, "categories": form.getlist("categories"), "approve": form.get("approve") == "on"}


@require_POST
@needs(MAY)
def switch(request: HttpRequest) -> HttpResponse:
    system, by = get_object_or_404(System, slug=request.POST.get("system", "")), request.user.get_username()
    on = request.POST.get("on") == "1"
    if on and service.needs_approver(service.of(system), {}, on) and not request.user.has_perm(APPROVE):
        messages.error(
            request,
            "Not turned on: it approves beforehand what the agent asks for, and that takes the right to approve.",
        )
    elif on:
        row = service.turn_on(system, by)
        messages.warning(
            request, f"Chaos mode is on: the first fault comes after {row.every_s // 60} minutes."
        )
    else:
        service.turn_off(system, by)
        messages.success(request, "Chaos mode is off. What runs ends by itself, or by Halt chaos.")
    return redirect(f"/chaos/mode/?system={system.slug}")
