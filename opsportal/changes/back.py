"""A person takes a change back: what it would do, measured when asked, and the request itself. Policy and gate are
those of every other action."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from actions import service
from actions.base import ActionFailed, ActionRefused, Busy
from actions.models import ActionRequest, Status
from incidents.changed import RIGHT
from systems.doors import needs
from systems.models import ChangeRow

SLUG = "revert-change"
TROUBLE = (service.NotAllowed, ActionRefused, ActionFailed, Busy)


@require_http_methods(["GET", "POST"])
@needs(RIGHT, "actions.run_action")
def back(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what taking it back would do now, or why it cannot be. POST: ask for it, and go to the request."""
    change = get_object_or_404(ChangeRow.objects.select_related("system"), pk=pk)
    params = {"change": str(change.pk)}
    if request.method == "GET":
        context: dict[str, object] = {"c": change}
        try:
            context["preview"] = service.preview(change.system.slug, SLUG, change.component, params)
        except TROUBLE as error:
            context["why_not"] = str(error)
        return render(request, "changes/_back.html", context)
    try:
        asked = service.propose(
            change.system.slug,
            SLUG,
            change.component,
            params,
            requested_by=request.user.get_username(),
            reason=f"{request.user.get_username()} wants `{change.what}` of {change.component} as it was before",
        )
    except TROUBLE as error:
        messages.error(request, str(error))
        return redirect("change", pk=pk)
    return _went(request, asked)


def _went(request: HttpRequest, asked: ActionRequest) -> HttpResponse:
    """What the policy lets run alone is run by a worker; the page of the request shows how it goes."""
    if asked.status == Status.APPROVED:
        service.wake(asked.pk)
        messages.success(request, "Asked. It is being put back as it was before.")
    elif asked.status == Status.WAITING:
        messages.info(request, "Asked. It waits for somebody's approval, like any other action.")
    else:
        messages.error(request, f"Not taken back: {asked.status_why}")
    return redirect("approval", pk=asked.pk)
