"""A part's own page: what can be done to it, each with a form. What is asked here passes the gate like all else."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from actions import forms, registry, risk, service
from actions.base import ActionContext, ActionFailed, ActionRefused, AnyAction, Busy
from actions.execution import words
from actions.gate import load
from actions.models import Status
from incidents import evidence
from systems.doors import VIEW, needs
from systems.manifest import Service
from systems.redact import for_system
from systems.services import LoadedSystem, UnknownService

SAID = {
    Status.WAITING: (messages.INFO, "Asked. It waits for somebody else's approval."),
    Status.APPROVED: (messages.SUCCESS, "Asked. It is being done."),
    Status.RUNNING: (messages.SUCCESS, "It is being done."),
    Status.SUCCEEDED: (messages.SUCCESS, "Done, and read back: it took effect."),
}


def _found(slug: str, part: str) -> tuple[LoadedSystem, Service]:
    try:
        system = load(slug)
        return system, system.service(part)
    except UnknownService as error:
        raise Http404(str(error)) from None
    except ActionRefused as error:  # no such system, or its manifest is broken
        raise Http404(str(error)) from None


def targets_at(action: AnyAction, system: LoadedSystem, part: Service) -> list[str]:
    """What the action would run on when it is asked for this part: itself, or its group."""
    found = action.targets(system)
    return [name for name in (part.name, part.group) if name and name in found]


@require_GET
@needs(VIEW)
def part(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """How it is, what it needs and who needs it, and every action that applies."""
    system, found = _found(slug, name)
    rows: list[dict[str, Any]] = []
    for action in registry.of(system).values():
        if targets := targets_at(action, system, found):
            rated, why = risk.assess(action, system, targets[0])
            row = {"action": action, "targets": targets, "risk": rated.value, "why": why}
            rows.append(row | {"declared": action.slug not in registry.ACTIONS})
    rows.sort(key=lambda row: (not row["declared"], row["action"].title))
    context = {
        "system": system,
        "part": found,
        "health": evidence.picture(slug).of(name),
        "callers": sorted(n for n, hops in system.graph.callers([name]).items() if hops == 1),
        "rows": rows,
        "may_run": request.user.has_perm(service.RUN),
    }
    return render(request, "actions/part.html", context)


@needs(service.RUN)
def act(request: HttpRequest, slug: str, name: str, action: str) -> HttpResponse:
    """The form of one action; its dry run; and asking for it."""
    system, found = _found(slug, name)
    try:
        meant = registry.get(action, system)
    except registry.UnknownAction as error:
        raise Http404(str(error)) from None
    targets = targets_at(meant, system, found)
    if not targets:
        raise Http404(f"{meant.slug} does not apply to {name}")
    wanted = request.POST.get("target", "")
    target = wanted if wanted in targets else targets[0]
    fields, trouble = _fields(meant, ActionContext(system, target))
    params = forms.given(fields, request.POST)
    reason = request.POST.get("reason", "").strip()
    context: dict[str, Any] = {
        "system": system, "part": found, "action": meant, "targets": targets, "target": target, "fields": fields,
        "trouble": trouble, "reason": reason, "given": params, "asked": request.method == "POST",
    }  # fmt: skip
    if request.method == "POST" and not trouble:
        if request.POST.get("do") == "ask" and reason:
            return _ask(request, context)
        if request.POST.get("do") == "ask":
            messages.error(request, "Say why: whoever decides on it, and the audit log, go by it.")
        context |= _preview(slug, meant.slug, target, params)
    return render(request, "actions/act.html", context)


def _fields(action: AnyAction, ctx: ActionContext) -> tuple[list[forms.Field], str]:
    """The fields, or why they cannot be told now: an inventory is the target's own."""
    try:
        return forms.fields(action, ctx), ""
    except Exception as error:  # whatever keeps the target from answering
        why = for_system(ctx.system).text(words(error))
        return [], f"What it may be given cannot be found out now: {why}"


def _preview(slug: str, action: str, target: str, params: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"shown": service.preview(slug, action, target, params)}
    except (ActionRefused, ActionFailed) as error:
        return {"refused": str(error)}


def _ask(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Propose it; what the policy lets run alone is run, here or by a worker."""
    slug, user = context["system"].slug, request.user.get_username()
    try:
        row = service.propose(
            slug,
            context["action"].slug,
            context["target"],
            context["given"],
            requested_by=user,
            reason=context["reason"],
        )
        if row.status == Status.APPROVED and not settings.OPSPORTAL_LOOKS_ONLY:
            row = service.execute(row.pk)
        elif row.status == Status.APPROVED:  # nothing can be changed from here
            service.wake(row.pk)
    except (ActionRefused, ActionFailed, Busy) as error:
        return render(request, "actions/act.html", context | {"refused": str(error)}, status=422)
    level, said = SAID.get(Status(row.status), (messages.ERROR, f"Not done: {row.status_why or row.status}"))
    messages.add_message(request, level, said)
    return redirect("approval", pk=row.pk)
