"""A route that does not say who may come in is shut. Open are only those named here, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from opsportal.doors.roles import ADMIN
from systems.doors import VIEW, rule_of

# By name. The API has doors of its own: a token for each caller, and a right of it for each operation.
OPEN = {
    "healthz": "a monitor asks it; it tells whether the portal works, and nothing of any system",
    "login": "nobody is anybody before it",
    "logout": "whoever is in may go",
}
API, SITE = "api", "admin"  # namespaces with doors of their own
ASKED = 6  # names of those whom to ask


class Doors:
    """Middleware: refuses what no rule was written for, so that a new page is shut until somebody thinks of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or is_open(match.view_name, match.namespaces) or rule_of(view) is not None:
            return None
        raise PermissionDenied("no rule says who may see this: it is shut until one does")


def is_open(name: str, namespaces: Sequence[str]) -> bool:
    return name in OPEN or bool(namespaces and namespaces[0] in (API, SITE))


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: what may not be done; and for who has no rights at all, whom to ask."""
    user = getattr(request, "user", None)
    stranger = user is not None and user.is_authenticated and not user.has_perm(VIEW)
    context = {
        "exception": str(exception or ""),
        "stranger": stranger,
        "whom": whom_to_ask() if stranger else [],
    }
    return render(request, "403.html", context, status=403)


def whom_to_ask() -> list[str]:
    """Names of people who can give rights."""
    people = get_user_model()._default_manager.filter(is_active=True)
    bosses = people.filter(is_superuser=True) | people.filter(groups__name=ADMIN)
    return [u.get_full_name() or u.get_username() for u in bosses.distinct().order_by("pk")[:ASKED]]
