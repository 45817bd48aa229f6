"""Pages of the portal as a whole: dashboard, settings, the header's count, and the switches of the agent."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from actions import audit, grants, policy, switch
from actions.models import Freeze, PolicyGrant, PolicyRule
from agent import service as agent
from incidents import shown
from incidents.lifecycle import IllegalTransition
from incidents.models import Incident
from opsportal import health
from opsportal.pages import boards
from opsportal.pages.forms import PolicyRuleForm
from systems import activation, asked
from systems.describe import is_watched_only
from systems.doors import VIEW, needs
from systems.manifest import ManifestError
from systems.models import System
from systems.services import UnknownSystem, load


def _system(request: HttpRequest) -> System | None:
    wanted = request.GET.get("system")
    found = System.objects.filter(slug=wanted).first() if wanted else None
    return found or System.objects.filter(enabled=True).first()


@require_GET
@needs(VIEW)
def dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard; only its live part when htmx asks."""
    system = _system(request)
    if request.headers.get("HX-Request") and system is not None:
        rights = shown.Rights.of(request.user, boards.RIGHTS)
        return HttpResponse(shown.for_page(boards.board(system, rights), request))
    context = boards.context(system) | {"systems": System.objects.filter(enabled=True)}
    return render(request, "opsportal/dashboard.html", context)


@require_GET
@needs(VIEW)
def nav_waiting(request: HttpRequest) -> HttpResponse:
    """The count of approvals waiting, for the navigation of every page."""
    return render(request, "parts/nav_waiting.html", {"nav": {"waiting": boards.waiting()}})


@require_POST
@needs("incidents.respond_incident")
def agent_switch(request: HttpRequest, number: int) -> HttpResponse:
    """Take over (the agent stops and the incident is yours), stop the agent, or give it back."""
    incident = get_object_or_404(Incident.objects.select_related("system"), pk=number)
    verb = request.POST.get("do", "")
    if verb not in SWITCHES:
        messages.error(request, "Neither taken, stopped nor given back: the answer was not understood.")
    elif not incident.is_open:
        messages.error(request, f"#{number} is resolved: open it again first.")
    elif verb == "give" and not incident.system.agent_on:
        messages.error(request, f"The agent only watches {incident.system.title}: it cannot go on with it.")
    else:
        try:
            _switch(incident, verb, request.user)
        except IllegalTransition as error:
            messages.error(request, str(error))
    return redirect("incident", number=number)


SWITCHES = {"take": "incident.taken", "stop": "agent.stopped", "give": "incident.given_back"}


@transaction.atomic
def _switch(incident: Incident, verb: str, user: Any) -> None:
    who = user.get_username()
    audit.append(
        who,
        SWITCHES[verb],
        system=incident.system.slug,
        target=incident.verdict.component,
        incident=incident.pk,
        data={"state": incident.state},
    )
    if verb != "stop":
        Incident.objects.filter(pk=incident.pk).update(owner=user.pk if verb == "take" else None)
    if verb == "give":
        agent.give_back(incident.pk, who)
    else:
        agent.take_over(incident.pk, who)


def _system_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for system in System.objects.all():
        row: dict[str, Any] = {
            "system": system,
            "services": [],
            "undriven": False,
            "trouble": "",
            "offer": activation.offer(system),
            "turned": switch.last_turned(system.slug),
        }
        try:
            loaded = load(system.slug)
            row["services"] = list(loaded.services.values())
            row["undriven"] = is_watched_only(loaded)
        except (ManifestError, UnknownSystem, OSError) as error:
            row["trouble"] = str(error)
        rows.append(row)
    return rows


@needs(VIEW, post=("actions.add_policyrule",))
def settings_page(request: HttpRequest) -> HttpResponse:
    """Systems, policy rules and people. Rules change only by who may change them."""
    form = PolicyRuleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        who = request.user.get_username()
        names = ("system", "action", "verdict", "note", "approval_seconds")
        rule = policy.set_rule(by=who, **{name: given[name] for name in names})
        messages.success(request, f"Rule set: {rule}")
        return redirect("settings")
    context = {
        "rows": _system_rows(),
        "rules": PolicyRule.objects.select_related("system").order_by("action"),
        "form": form,
        "people": User.objects.filter(is_active=True).prefetch_related("groups").order_by("username"),
        "parts": health.parts(),
        "freezes": Freeze.objects.filter(Q(ends_at=None) | Q(ends_at__gt=Now())).select_related("system"),
        "grants": grants.live().select_related("system"),
        "systems": System.objects.all(),
    }
    return render(request, "opsportal/settings.html", context)


@require_POST
@needs(policy.FREEZE)
def freeze(request: HttpRequest) -> HttpResponse:
    """Freeze (every action asks) or halt (the agent is refused), for some minutes or until lifted; or lift it."""
    system = System.objects.filter(slug=request.POST.get("system", "")).first()
    mode, who = request.POST.get("mode", ""), request.user.get_username()
    if mode not in Freeze.Mode.values:
        messages.error(request, "Choose freeze or halt.")
    elif request.POST.get("do") == "lift":
        policy.lift_freezes(system, mode, who)
        messages.success(request, "Lifted.")
    else:
        span = asked.number(request.POST.get("minutes"), "minutes") or None
        if span is not None and span > 10080:
            raise BadRequest("minutes: at most 10080, which is a week")
        policy.set_freeze(system, mode, who, request.POST.get("note", "").strip()[:300], span)
        messages.success(request, f"{Freeze.Mode(mode).label}.")
    return redirect("settings")


@require_POST
@needs("actions.delete_policyrule")
def rule_delete(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(PolicyRule.objects.select_related("system"), pk=pk)
    policy.lift_rule(rule.system, rule.action, request.user.get_username())
    messages.success(request, f"Rule removed: {rule}")
    return redirect("settings")


@require_POST
@needs("actions.delete_policyrule")
def grant_end(request: HttpRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(PolicyGrant.objects.select_related("system"), pk=pk)
    grants.end(grant, request.user.get_username())
    messages.success(request, f"Nothing more is approved for {grant.name}.")
    return redirect("settings")


@require_POST
@needs(switch.RIGHT)
def system_switch(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the agent act on this system, or only watch."""
    system = get_object_or_404(System, slug=slug)
    wanted = request.POST.get("agent", "")
    if wanted not in ("on", "off"):
        raise BadRequest("agent: on or off")
    why = request.POST.get("why", "").strip()[:300]
    gone = switch.turn_agent(system, wanted == "on", request.user.get_username(), why)
    words = f"The agent {'repairs' if system.agent_on else 'only watches'} {system.title} now"
    if gone:
        words += f"; what it had asked for there and was not started is withdrawn ({gone})"
    messages.success(request, words)
    return redirect("settings")


@require_POST
@needs("systems.change_system")
def activate(request: HttpRequest, slug: str) -> HttpResponse:
    """Activate the manifest's file as it was shown, whole or not at all."""
    system = get_object_or_404(System, slug=slug)
    try:
        with transaction.atomic():
            row = activation.take_offer(system, request.POST.get("digest", ""))
            data = {"version": row.manifest_version, "path": row.manifest_path}
            audit.append(request.user.get_username(), "manifest.activated", system=slug, data=data)
    except ManifestError as error:
        messages.error(request, f"Not activated: {error}")
    else:
        messages.success(
            request, f"Version {row.manifest_version} of the manifest of {row.title} is active now."
        )
    return redirect("settings")
