"""The incident list, the incident page with its live parts, and notes. Other apps' parts arrive by URL or template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from incidents import changed, evidence, logs, plots, timeline, weighed
from incidents.facts import DryRun, Noted, Passages, Planned, Weighed
from incidents.models import OPEN_STATES, Incident, Severity, State, TimelineEvent
from incidents.standing import standing
from incidents.steps import steps
from incidents.timeline import told
from systems import asked
from systems.manifest import ManifestError
from systems.runtimes.base import RuntimeError_
from systems.services import LoadedSystem, UnknownService, UnknownSystem, load
from systems.visible import visible

PAGE = 40
SHOWN_SYMPTOMS, MOST_SYMPTOMS = 60, 1000


@require_GET
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """All incidents, filtered; only the rows when htmx asks."""
    page = Paginator(_filtered(request), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "states": State.choices,
        "severities": Severity.choices,
        "q": request.GET.get("q", ""),
        "open_count": Incident.objects.filter(state__in=OPEN_STATES).count(),
        "live": bool(request.headers.get("HX-Request")),
    }
    return render(request, "incidents/_rows.html" if context["live"] else "incidents/index.html", context)


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
        found = found.filter(Q(component=service) | Q(symptoms__service=service)).distinct()
    if (digits := text.lstrip("#")).isascii() and digits.isdigit():
        return found.filter(pk=asked.number(digits, "q"))
    if text:
        words = Q(title__icontains=text) | Q(summary__icontains=text) | Q(cause__icontains=text)
        found = found.filter(words | Q(component__icontains=text) | Q(category__icontains=text))
    return found


@require_GET
@login_required
def detail(request: HttpRequest, number: int) -> HttpResponse:
    incident = _incident(number)
    events = list(incident.events.order_by("-seq")[:500])
    context = _page(incident, events, request) | {"around": changed.shown_to(request.user, incident)}
    return render(request, "incidents/detail.html", context)


@require_GET
@login_required
def events(request: HttpRequest, number: int) -> HttpResponse:
    """Events newer than `after`, newest first, with the rest of the page out of band."""
    after = asked.number(request.GET.get("after"), "after")
    incident = _incident(number)
    everything = list(incident.events.order_by("-seq")[:500])
    context = _page(incident, everything, request)
    context["events"] = [e for e in everything if e.seq > after]
    context["live"] = True
    return render(request, "incidents/_live.html", context)


def _incident(number: int) -> Incident:
    return get_object_or_404(Incident.objects.select_related("system", "owner", "postmortem"), pk=number)


def _page(incident: Incident, events: list[TimelineEvent], request: HttpRequest) -> dict[str, Any]:
    requests = list(
        incident.action_requests.select_related("system", "decision", "decision__by").order_by("requested_at")
    )
    open_first = (F("cleared_at").desc(nulls_first=True), "first_seen")
    symptoms = list(incident.symptoms.order_by(*open_first)[:MOST_SYMPTOMS])
    picture = evidence.picture(incident.system.slug)
    now = [standing(s, picture) for s in symptoms]
    return {
        "incident": incident,
        "events": events,
        "steps": steps(incident, events, requests),
        "symptoms": list(zip(symptoms, now, strict=True))[:SHOWN_SYMPTOMS],
        "symptom_count": len(symptoms),
        "open_symptoms": now.count("holds"),
        "unread_symptoms": now.count("unread"),
        "hypotheses": weighed.bars(incident, symptoms),
        "weighed_at": next((e.at for e in events if e.kind == TimelineEvent.Kind.HYPOTHESES), None),
        "questions": next((f.questions for f in told(events, Weighed)), []),
        "passages": next((f.passages for f in told(events, Passages)), []),
        "plan": _plan(events, requests),
        "waiting": [r for r in requests if r.status == "waiting"],
        "requests": requests,
        "similar": _similar(incident),
        "beside": sorted({f.beside for f in told(events, Noted) if f.beside is not None}),
        **_respond(incident, request),
    }


def _respond(incident: Incident, request: HttpRequest) -> dict[str, Any]:
    """What a person may do with it, and with whom."""
    parts = list(incident.merged.order_by("number").values_list("number", flat=True))
    if not request.user.has_perm("incidents.respond_incident"):
        return {"may_respond": False, "parts": parts}
    people = User.objects.with_perm(
        "incidents.respond_incident", backend="django.contrib.auth.backends.ModelBackend"
    )
    others = Incident.objects.filter(system=incident.system_id, state__in=OPEN_STATES)
    return {
        "may_respond": True,
        "parts": parts,
        "responders": people.order_by("username")[:200] if incident.is_open else [],
        "others": others.exclude(pk=incident.pk)[:20] if incident.is_open else [],
        "severities": Severity.choices,
    }


@dataclass(frozen=True)
class _Plan:
    """The newest plan. `steps`: each with the request that carries it out, if there is one by now."""

    event: TimelineEvent
    facts: Planned
    steps: list[tuple[DryRun, Any]]


def _plan(events: list[TimelineEvent], requests: list[Any]) -> _Plan | None:
    for event in events:
        if event.kind == Planned.kind and isinstance(facts := event.facts, Planned) and facts.steps:
            later = [r for r in requests if r.requested_at >= event.at and r.undo_of_id is None]
            return _Plan(event, facts, [(step, _carries_out(step, later)) for step in facts.steps])
    return None


def _carries_out(step: DryRun, requests: list[Any]) -> Any:
    mine = (r for r in requests if _dashes(r.slug) == _dashes(step.action) and r.target == step.target)
    return next(iter([*mine][-1:]), None)


def _dashes(slug: str) -> str:
    return slug.replace("_", "-")


def _similar(incident: Incident) -> list[Incident]:
    """Earlier incidents of the same cause, else of the same first symptom."""
    others = Incident.objects.filter(system=incident.system_id, number__lt=incident.number)
    same = Q(cause=incident.cause) if incident.cause else Q(fingerprint=incident.fingerprint)
    return list(others.filter(same).order_by("-number")[:5])


@require_GET
@login_required
def figures(request: HttpRequest, number: int) -> HttpResponse:
    """The before/after plot and its table."""
    incident = _incident(number)
    moments = incident.events.filter(kind=TimelineEvent.Kind.ACTION)
    plot = plots.plot(incident, _concerned(incident), moments, changed.shown_to(request.user, incident))
    return render(request, "incidents/_figures.html", {"incident": incident, "plot": plot})


@require_GET
@login_required
@permission_required(changed.RIGHT, raise_exception=True)
def changes(request: HttpRequest, number: int) -> HttpResponse:
    """What changed shortly before it and since then."""
    incident = _incident(number)
    context = {"incident": incident, "around": changed.shown_to(request.user, incident)}
    return render(request, "incidents/_changed.html", context)


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
@login_required
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
@login_required
@permission_required("incidents.respond_incident", raise_exception=True)
def note(request: HttpRequest, number: int) -> HttpResponse:
    text = visible(request.POST.get("text", "").strip())
    incident = _incident(number)
    if text:
        first, _, rest = text.partition("\n")
        timeline.record(incident.pk, Noted(), first[:500], body=rest, actor=request.user.get_username())
    else:
        messages.warning(request, "An empty note is not kept.")
    return redirect("incident", number=number)
