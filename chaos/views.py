"""The chaos panel: press, watch, revert, halt all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from chaos import scorecard, service, tasks
from chaos.faults.base import INTENSITY
from chaos.models import Injection, Schedule
from chaos.registry import FAULTS
from incidents import evidence
from incidents.models import OPEN_STATES, Incident
from systems import asked
from systems.doors import VIEW, needs
from systems.models import System

HISTORY = 30
SEEN_WITHIN = timedelta(seconds=15)


@require_GET
@needs(VIEW)
def panel(request: HttpRequest) -> HttpResponse:
    """Every fault by category, what runs now, and what came of earlier ones; only the live part when htmx asks."""
    service.sync()
    system = _system(request)
    context: dict[str, Any] = {
        "system": system,
        "running": _running(),
        "history": _history(),
        "refusal": _refusal(system),
        "unseen": _unseen(system),
    }
    context["may"] = request.user.has_perm("chaos.inject_fault")
    if request.headers.get("HX-Request"):
        return render(request, "chaos/_live.html", context)
    by_category: dict[str, list[Any]] = defaultdict(list)
    driver = service.driver_of(system) if system else ""
    for fault in (f for f in FAULTS.values() if not driver or driver in f.drivers):
        by_category[fault.category].append((fault, fault.imitated.get(driver, "")))
    context |= {"categories": sorted(by_category.items()), "systems": service.breakable()}
    context["mode_on"] = Schedule.objects.filter(system=system, on=True).exists()
    return render(request, "chaos/panel.html", context)


def _system(request: HttpRequest) -> System | None:
    wanted, rows = request.GET.get("system"), service.breakable()
    return next((row for row in rows if row.slug == wanted), rows[0] if rows else None)


def _titled(rows: Sequence[Injection]) -> Sequence[Injection]:
    """Each row with its fault's title, also of a fault that is no longer in the catalogue."""
    for row in rows:
        fault = FAULTS.get(row.fault)
        row.title = fault.title if fault else row.fault  # type: ignore[attr-defined]
        row.what = fault.description if fault else ""  # type: ignore[attr-defined]
    return rows


def _running() -> Sequence[Injection]:
    """What runs, each with the incident about it. `ended_for`: who has asked the keeper to take it back."""
    rows = list(Injection.objects.filter(status=Injection.Status.RUNNING).select_related("system"))
    ending = {entry.id: entry.asked_by for entry in service.journal().live() if entry.ending} if rows else {}
    for row in rows:
        row.ended_for = ending.get(str(row.pk), "")  # type: ignore[attr-defined]
    return _titled(_with_incidents(rows))


def _history() -> Sequence[Injection]:
    """Ended injections with the incident about each: the agent's result."""
    ended = Injection.objects.exclude(status=Injection.Status.RUNNING).select_related("system")
    return _titled(_with_incidents(list(ended[:HISTORY])))


def _with_incidents(rows: Sequence[Injection]) -> Sequence[Injection]:
    """Each row with the incident about it and the seconds until that opened and was over."""
    for system in {row.system for row in rows}:
        mine = [row for row in rows if row.system == system]
        found = scorecard.about(system, mine)
        for row in mine:
            brought = found.get(row.pk)
            row.incident = brought.incident if brought else None  # type: ignore[attr-defined]
            if brought is not None:
                opening = brought.opening
                row.detect_s = (opening.opened_at - row.started_at).total_seconds()  # type: ignore[attr-defined]
                if opening.resolved_at:
                    row.repair_s = (opening.resolved_at - row.started_at).total_seconds()  # type: ignore[attr-defined]
    return rows


def _refusal(system: System | None) -> str:
    """Why no fault may be put in now; empty when one may."""
    if system is None:
        return "No system is under care yet."
    if Injection.objects.filter(system=system, status=Injection.Status.RUNNING).exists():
        return "A fault is running. One at a time, so that what the agent finds has one cause."
    sick = Incident.objects.filter(system=system, state__in=OPEN_STATES).first()
    return f"{system.title} is sick already: {sick}. Let it recover first." if sick else ""


def _unseen(system: System | None) -> bool:
    """Whether the watcher has lately said nothing of a service: how the system does is then not known."""
    if system is None:
        return False
    picture = evidence.picture(system.slug)
    fresh = picture.at is not None and timezone.now() - picture.at < SEEN_WITHIN
    return not fresh or not picture.health or any(h.word == "unknown" for h in picture.health.values())


@require_POST
@needs("chaos.inject_fault")
def inject(request: HttpRequest) -> HttpResponse:
    """Arm the fault and let a worker break it; the service refuses when the system is sick."""
    slug, fault = request.POST.get("system", ""), request.POST.get("fault", "")
    try:
        by, chosen = request.user.get_username(), _params(request)
        row = service.press(slug, fault, by=by, params=chosen, duration_s=_seconds(request))
        tasks.run.delay(str(row.pk))
        messages.warning(
            request,
            f"{FAULTS[row.fault].title}: breaking it now. Its incident is linked below within seconds.",
        )
    except service.Refused as error:
        messages.error(request, f"Refused: {error}.")
    return redirect("chaos")


def _params(request: HttpRequest) -> dict[str, Any]:
    """What was chosen beside the fault. Raises Refused for what is no number."""
    asked_for = request.POST.get(INTENSITY, "")
    try:
        return {INTENSITY: float(asked_for)} if asked_for else {}
    except ValueError:
        raise service.Refused("an intensity is a number") from None


def _seconds(request: HttpRequest) -> float | None:
    """How long it may last. Raises Refused for what is no number; more than the fault's own limit is that."""
    asked_for = request.POST.get("duration_s", "")
    try:
        return float(asked_for) if asked_for else None
    except ValueError:
        raise service.Refused("a duration is a number of seconds") from None


@require_POST
@needs("chaos.inject_fault")
def revert(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_object_or_404(Injection, pk=pk)
    row = service.revert(str(row.pk), request.user.get_username())
    if row.status == Injection.Status.RUNNING:
        messages.success(request, "It is being taken back.")
    else:
        messages.success(request, "Reverted.")
    return redirect("chaos")


@require_POST
@needs("chaos.inject_fault")
def halt(request: HttpRequest) -> HttpResponse:
    """Revert everything that runs, whoever started it."""
    ended = service.halt_all(request.user.get_username())
    count, verb = len(ended), "being taken back" if any(entry.live for entry in ended) else "reverted"
    messages.success(
        request,
        f"Halted: {count} fault{'' if count == 1 else 's'} {verb}." if count else "No fault is running.",
    )
    return redirect(asked.way_back(request.POST.get("next"), "/chaos/"))
