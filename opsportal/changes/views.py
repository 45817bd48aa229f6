"""What changed: all of it, filtered, and one change with what was about at the same time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from incidents.changed import RIGHT, SHORTLY
from incidents.models import Incident
from opsportal.changes import watched
from opsportal.changes.filters import ACTORS, WITHIN, Filter, loaded_systems
from systems.doors import needs
from systems.models import ChangeRow, System
from systems.state import ledger
from systems.state.types import KINDS

BESIDE = timedelta(minutes=2)  # "at about the same time"
MOST = 20


@require_GET
@needs(RIGHT)
def index(request: HttpRequest) -> HttpResponse:
    """A page of changes, newest first. When htmx asks only the rows, and nothing when it has them already."""
    wanted = Filter.of(request.GET)
    page = wanted.page()
    if request.headers.get("HX-Request") and request.GET.get("stamp") == page.stamp:
        return HttpResponse(status=204)
    systems = list(System.objects.filter(enabled=True))
    context: dict[str, Any] = {"page": page, "wanted": wanted, "many": len(systems) > 1 and not wanted.system}
    if not page.rows or not request.headers.get("HX-Request"):
        context |= _help(request, [s for s in systems if wanted.system in ("", s.slug)] or systems)
    if request.headers.get("HX-Request"):
        return render(request, "changes/_rows.html", context)
    return render(request, "changes/index.html", context | _choices(wanted, systems))


def _choices(wanted: Filter, systems: list[System]) -> dict[str, Any]:
    """What the filter offers; what is asked for is always among it."""
    components = {wanted.component} - {""}
    for loaded in loaded_systems(wanted.system):
        components |= {loaded.slug, *loaded.services, *loaded.graph.groups}
    meant = [s for s in systems if wanted.system in ("", s.slug)]
    sources = dict.fromkeys([*watched.names(meant), *([wanted.source] if wanted.source else [])])
    return {
        "systems": systems,
        "shown": next((s for s in systems if s.slug == wanted.system), None),
        "components": sorted(components),
        "kinds": KINDS.items(),
        "sources": list(sources),
        "actors": ACTORS.items(),
        "windows": WITHIN.items(),
    }


def _help(request: HttpRequest, systems: list[System]) -> dict[str, Any]:
    """What is watched, and the line with which CI/CD reports."""
    return {"watched": watched.by_system(systems), "curl": _curl(request, systems)}


def _curl(request: HttpRequest, systems: list[System]) -> str:
    told: dict[str, str] = {"id": "build-17", "kind": "deploy", "what": "1.5.0", "before": "1.4.2"}
    if systems and (found := loaded_systems(systems[0].slug)):
        told["component"] = next(iter([*found[0].graph.groups, *found[0].services]), "")
    if System.objects.count() > 1 and systems:
        told["system"] = systems[0].slug
    return (
        f"curl {request.build_absolute_uri('/api/changes')} -H 'Authorization: Bearer TOKEN'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(told)}'"
    )


@require_GET
@needs(RIGHT)
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One change by its own address."""
    row = get_object_or_404(ChangeRow.objects.select_related("system"), pk=pk)
    start, end = row.last_old - BESIDE, row.first_new + BESIDE
    beside = [c for c in ledger.changes_between(row.system_id, start, end) if c.id != str(row.pk)]
    incidents = Incident.objects.filter(system=row.system_id)
    began = incidents.filter(started_at__gte=row.last_old, started_at__lte=row.first_new + SHORTLY)
    context = {
        "c": row,
        "kind_words": KINDS.get(row.kind, ""),
        "reads": watched.reads(row.source),
        "beside": beside[::-1][:MOST],
        "beside_more": max(0, len(beside) - MOST),
        "began": list(began.order_by("started_at")[:MOST]),
        "minutes": SHORTLY // timedelta(minutes=1),
        "all": f"{reverse('changes')}?system={row.system.slug}",
    }
    return render(request, "changes/one.html", context)
