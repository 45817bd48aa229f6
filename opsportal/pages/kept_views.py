"""The page that says how much is kept of everything and since when, and where that is set."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from actions import audit
from incidents.memo import memo
from opsportal import kept
from systems import asked, retention
from systems.doors import VIEW, needs

RIGHT = "systems.change_system"
FRESH_S = 10.0  # sizes are asked of every table


@require_GET
@needs(VIEW)
def page(request: HttpRequest) -> HttpResponse:
    rows = memo.get("kept", FRESH_S, kept.kept)
    context = {"rows": rows, "logs": kept.logs(), "total": sum(row.size for row in rows)}
    return render(request, "opsportal/kept.html", context)


@require_POST
@needs(RIGHT)
def keep(request: HttpRequest, kind: str) -> HttpResponse:
    """Keep it for so many hours or days from now on; nothing typed: for ever, where that may be."""
    typed = request.POST.get("number", "").strip()
    factor = retention.DAY if request.POST.get("unit") == "days" else 1
    wanted = asked.number(typed, "number") * factor if typed else None
    who = request.user.get_username()
    try:
        with transaction.atomic():
            retention.keep(kind, wanted, who)
            audit.append(who, "kept.set", data={"kind": kind, "hours": wanted})
    except retention.Wrong as error:
        messages.error(request, f"Not set: {error}.")
    else:
        memo.forget()
        messages.success(request, "Set. What is older goes within minutes, a portion at a time.")
    return redirect("kept")
