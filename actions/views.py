"""The approval queue, decisions, undo, and the audit log. The gate itself is in the executor, not here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from actions import audit, audit_checking, service, tasks
from actions.base import ActionFailed, ActionRefused, Busy
from actions.models import ActionRequest, AuditEntry, Status
from systems import asked, keyset
from systems.doors import VIEW, needs

log = logging.getLogger(__name__)

QUEUE, DECIDED = 25, 40
PAGE = 60
TROUBLE = (service.NotAllowed, ActionRefused, ActionFailed, Busy)
SAID = {  # what became of an undo that was asked for
    Status.WAITING: (messages.INFO, "Asked. It waits for somebody's approval, like any other action."),
    Status.APPROVED: (messages.SUCCESS, "Asked. It is being put back as it was before."),
    Status.RUNNING: (messages.SUCCESS, "It is being put back as it was before."),
    Status.SUCCEEDED: (messages.SUCCESS, "Undone: it was put back as it was before."),
}


def _requests() -> QuerySet[ActionRequest]:
    return ActionRequest.objects.select_related("system", "incident", "decision", "decision__by", "undo_of")


@require_GET
@needs(VIEW)
def approvals(request: HttpRequest) -> HttpResponse:
    """The queue, oldest first, and what was decided below, newest first, each in pages; only those when htmx asks."""
    waiting = _requests().filter(status=Status.WAITING).order_by("requested_at", "pk")
    decided = _requests().exclude(status=Status.WAITING).order_by("-requested_at", "-pk")
    if after := keyset.place(request.GET.get("after"), "after"):
        waiting = waiting.filter(keyset.beyond("requested_at", after))
    if before := keyset.place(request.GET.get("before"), "before"):
        decided = decided.filter(keyset.beyond("requested_at", before, down=True))
    context = {
        "waiting": keyset.page(waiting, QUEUE, "requested_at"),
        "waiting_count": ActionRequest.objects.filter(status=Status.WAITING).count(),
        "decided": keyset.page(decided, DECIDED, "requested_at"),
        "after": request.GET.get("after", ""),
        "before": request.GET.get("before", ""),
    }
    part = "actions/_queue.html" if request.headers.get("HX-Request") else "actions/approvals.html"
    return render(request, part, context)


@require_GET
@needs(VIEW)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One request: what was asked, by whom, who decided, what came of it."""
    found = get_object_or_404(_requests(), pk=pk)
    trail = AuditEntry.objects.filter(request_id=pk).order_by("seq")
    return render(request, "actions/detail.html", {"r": found, "trail": trail})


@require_POST
@needs("actions.approve_action")
def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Approve or reject; the service checks the permission again and that nobody was faster."""
    approve = request.POST.get("verdict") == "approve"
    reason = request.POST.get("reason", "").strip()
    if request.POST.get("verdict") not in ("approve", "reject"):
        messages.error(request, "Neither approved nor rejected: the answer was not understood.")
    elif not approve and not reason:
        messages.error(request, "Say why you reject it: the agent and your colleagues go by it.")
    else:
        try:
            digest = request.POST.get("digest", "")
            service.decide(pk, request.user, approve, reason, digest=digest)
            messages.success(request, "Approved. It runs now." if approve else "Rejected. It will not run.")
        except TROUBLE as error:
            messages.error(request, str(error))
    return redirect(_next(request, "/approvals/"))


@require_POST
@needs("actions.run_action")
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for it; what the policy lets run alone is run, here or by a worker."""
    try:
        asked_for = service.ask_undo(pk, request.user)
        if asked_for.status == Status.APPROVED and not settings.OPSPORTAL_LOOKS_ONLY:
            asked_for = service.execute(asked_for.pk)
        elif asked_for.status == Status.APPROVED:  # nothing can be changed from here
            service.wake(asked_for.pk)
        level, words = SAID.get(
            Status(asked_for.status), (messages.ERROR, f"Not undone: {asked_for.status_why}")
        )
        messages.add_message(request, level, words)
    except TROUBLE as error:
        messages.error(request, str(error))
    return redirect(_next(request, f"/approvals/{pk}/"))


def _next(request: HttpRequest, default: str) -> str:
    return asked.way_back(request.POST.get("next"), default)


def _audit_rows(request: HttpRequest) -> QuerySet[AuditEntry]:
    """The filters of the address, as the audit service understands them."""
    get = request.GET
    incident = get.get("incident", "").lstrip("#")
    until = asked.day(get.get("until"), "until")
    return audit.search(
        text=get.get("q", ""),
        actor=get.get("actor", "").strip(),
        verb=get.get("verb", "").strip(),
        target=get.get("target", "").strip(),
        incident=asked.number(incident, "incident") if incident else None,
        since=asked.day(get.get("since"), "since"),
        until=until + timedelta(days=1) if until else None,
    )


@require_GET
@needs(VIEW)
def audit_log(request: HttpRequest) -> HttpResponse:
    before = asked.number(request.GET["before"], "before") if request.GET.get("before") else None
    found = _audit_rows(request)
    rows = list((found if before is None else found.filter(seq__lt=before))[: PAGE + 1])
    context = {
        "rows": rows[:PAGE],
        "before": before,
        "older": rows[PAGE - 1].seq if len(rows) > PAGE else None,
        "may_export": request.user.has_perm("actions.export_audit"),
    }
    part = "actions/_audit_rows.html" if request.headers.get("HX-Request") else "actions/audit.html"
    return render(request, part, context)


@require_GET
@needs("actions.export_audit")
def audit_export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The rows that match the filters, as csv or JSON lines, streamed."""
    kind = "text/csv" if form == "csv" else "application/x-ndjson"
    wanted = {name: value for name, value in request.GET.items() if value and name != "before"}
    audit.append(request.user.get_username(), "audit.exported", data={"form": form, "filters": wanted})
    parts = audit.export(_audit_rows(request), form)
    # Under ASGI a plain iterator would be gathered whole before the first byte goes out.
    sent = _in_threads(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(sent, content_type=f"{kind}; charset=utf-8")
    stamp = timezone.now().strftime("%Y%m%d-%H%M%S")
    response["Content-Disposition"] = f'attachment; filename="audit-{stamp}.{form}"'
    return response


async def _in_threads(parts: Iterator[str]) -> AsyncIterator[str]:
    """Each part made when the one before it has gone out."""
    while (part := await sync_to_async(lambda: next(parts, None))()) is not None:
        yield part


@needs(VIEW)
def audit_check(request: HttpRequest) -> HttpResponse:
    """Have a worker walk the hash chain and compare it with the signed anchors (POST), and how far it is (GET)."""
    if request.method == "POST" and audit_checking.ask(request.user.get_username()):
        try:
            tasks.verify_audit.apply_async(retry=False)
        except Exception as error:  # the broker may be down, in whatever way
            log.warning("the audit log is not checked, no worker can be woken: %s", error)
    state = audit_checking.now()
    told = {"state": state, "at": datetime.fromtimestamp(state["at"], UTC) if state else None}
    return render(request, "actions/_verified.html", told)
