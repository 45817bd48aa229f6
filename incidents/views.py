"""The incident list, the incident page with its live parts, and notes. Other apps' parts arrive by URL or template."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST

from incidents import changed, logs, page, plots, shown, timeline
from incidents.facts import Noted
from incidents.memo import memo
from incidents.models import OPEN_STATES, Incident, Severity, State, Symptom, TimelineEvent
from systems import asked
from systems.doors import LOGS, VIEW, needs
from systems.manifest import ManifestError
from systems.runtimes.base import RuntimeError_
from systems.services import LoadedSystem, UnknownService, UnknownSystem, load
from systems.visible import visible

PAGE = 40
ROWS_S = 2.0  # each open list asks again every five seconds
FRESH_S = 5.0  # what each page of an open incident asks for every ten seconds is made once in so many


@require_GET
@needs(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """All incidents, filtered; only the rows when htmx asks, which are the same for all who ask for the same."""
    if request.headers.get("HX-Request"):
        asked_for = request.GET.urlencode()
        return HttpResponse(memo.get(("incidents", asked_for), ROWS_S, lambda: _list(request, live=True)))
    return HttpResponse(_list(request, live=False))


def _list(request: HttpRequest, *, live: bool) -> str:
    before = asked.number(request.GET["before"], "before") if request.GET.get("before") else None
    found = _filtered(request)
    rows = list((found if before is None else found.filter(pk__lt=before))[: PAGE + 1])
    context: dict[str, Any] = {
        "rows": rows[:PAGE],
        "before": before,
        "older": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "states": State.choices,
        "severities": Severity.choices,
        "q": request.GET.get("q", ""),
        "open_count": Incident.objects.filter(state__in=OPEN_STATES).count(),
        "live": live,
    }
    return render_to_string("incidents/_rows.html" if live else "incidents/index.html", context, request)


def _filtered(request: HttpRequest) -> QuerySet[Incident]:
    found = Incident.objects.select_related("system", "owner", "postmortem")
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()
    if state == "open":
        found = found.filter(state__in=OPEN_STATES)
    elif state in State.values:
        found = found.filter(state=state)
    if request.GET.get("severity", "") in Severity.values:
        found = found.filter(severity=request.GET["severity"])
    if service := request.GET.get("service", "").strip():
        seen = Symptom.objects.filter(incident=OuterRef("pk"), service=service)
        found = found.filter(Q(component=service) | Exists(seen))
    if (digits := text.lstrip("#")).isascii() and digits.isdigit():
        return found.filter(pk=asked.number(digits, "q"))
    if text:
        words = Q(title__icontains=text) | Q(summary__icontains=text) | Q(cause__icontains=text)
        found = found.filter(words | Q(component__icontains=text) | Q(category__icontains=text))
    return found


@require_GET
@needs(VIEW)
def detail(request: HttpRequest, number: int) -> HttpResponse:
    incident = _incident(number)
    events = page.newest(incident)
    context = page.context(incident, may_respond=request.user.has_perm(page.RESPOND), events=events)
    context |= {"events": events, "around": changed.shown_to(request.user, incident)}
    return render(request, "incidents/detail.html", context | _older(events))


@require_GET
@needs(VIEW)
def events(request: HttpRequest, number: int) -> HttpResponse:
    """Events after the number `after`, newest first, with the rest of the page out of band; or those `before` one."""
    incident = _incident(number)
    if request.GET.get("before"):
        to = asked.number(request.GET.get("to"), "to") if request.GET.get("to") else None
        found = page.older(incident, asked.number(request.GET["before"], "before"), to)
        return render(
            request, "incidents/_older.html", {"incident": incident, "events": found} | _older(found)
        )
    found = page.since(incident, asked.number(request.GET.get("after"), "after"))
    rights = shown.Rights.of(request.user, page.RIGHTS)
    context = {"rows": page.rows(found) if found else "", "parts": page.parts(incident, rights).items()}
    return HttpResponse(shown.for_page(render_to_string("incidents/_live.html", context), request))


def _older(found: list[TimelineEvent]) -> dict[str, int]:
    """`before`: where the next older page begins; 0: there is none. The numbers have no gaps."""
    return {"before": found[-1].seq if found and found[-1].seq > 1 else 0}


def _incident(number: int) -> Incident:
    return get_object_or_404(Incident.objects.select_related("system", "owner", "postmortem"), pk=number)


@require_GET
@needs(VIEW)
def figures(request: HttpRequest, number: int) -> HttpResponse:
    """The before/after plot and its table."""
    incident = _incident(number)
    may_see = request.user.has_perm(changed.RIGHT)

    def make() -> Any:
        moments = incident.events.filter(kind=TimelineEvent.Kind.ACTION)
        return plots.plot(incident, _concerned(incident), moments, changed.shown_to(request.user, incident))

    plot = memo.get(("figures", number, incident.state, may_see), FRESH_S if incident.is_open else 0.0, make)
    return render(request, "incidents/_figures.html", {"incident": incident, "plot": plot})


@require_GET
@needs(changed.RIGHT)
def changes(request: HttpRequest, number: int) -> HttpResponse:
    """What changed shortly before it and since then."""
    incident = _incident(number)
    around = memo.get(("changes", number), FRESH_S, lambda: changed.shown_to(request.user, incident))
    return render(request, "incidents/_changed.html", {"incident": incident, "around": around})


def _concerned(incident: Incident) -> list[str]:
    """The diagnosed component (each member of a group) and the services with symptoms."""
    loaded = _loaded(incident)
    names: list[str] = []
    if incident.component and loaded:
        names += loaded.graph.members(incident.component) or [incident.component]
    return names + list(incident.symptoms.values_list("service", flat=True).distinct())


def _loaded(incident: Incident) -> LoadedSystem | None:
    try:
        return load(incident.system.slug)
    except (ManifestError, UnknownSystem, OSError):
        return None


@require_GET
@needs(VIEW, LOGS)
def log_tail(request: HttpRequest, number: int) -> HttpResponse:
    """The end of one service's log; only the lines when htmx asks for a service."""
    incident = _incident(number)
    loaded = _loaded(incident)
    if loaded is None:
        return render(request, "incidents/_log.html", {"trouble": "The manifest cannot be read."})
    names = logs.readable(loaded)
    wanted = request.GET.get("service") or next(
        (n for n in _concerned(incident) if n in names), names[0] if names else ""
    )
    context: dict[str, Any] = {"incident": incident, "names": names, "service": wanted}
    if not wanted:
        why = "No log is named in this system's manifest: `logs: [{file: ...}]` of a service shows its end here."
        return render(request, "incidents/_log.html", context | {"trouble": why})
    try:
        context["lines"] = logs.tail(loaded, wanted)
    except (UnknownService, OSError, RuntimeError_) as error:
        context["trouble"] = f"Nothing to read: {error}"
    part = "incidents/_log_lines.html" if request.GET.get("lines") else "incidents/_log.html"
    return render(request, part, context)


@require_POST
@needs("incidents.respond_incident")
def note(request: HttpRequest, number: int) -> HttpResponse:
    text = visible(request.POST.get("text", "").strip())
    incident = _incident(number)
    if text:
        first, _, rest = text.partition("\n")
        timeline.record(incident.pk, Noted(), first[:500], body=rest, actor=request.user.get_username())
    else:
        messages.warning(request, "An empty note is not kept.")
    return redirect("incident", number=number)
