"""Every page and button says which rights it asks for. What says none is shut: see opsportal/doors/guard.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponseBase

VIEW = "incidents.view_incident"  # to look at what goes on: the least that anybody needs here
LOGS = "systems.view_logs"  # what parts write may hold what their customers typed

SAFE = ("GET", "HEAD", "OPTIONS")
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Rule:
    """`rights` (app.codename): all are needed; `post`: these too for what changes something."""

    rights: tuple[str, ...]
    post: tuple[str, ...] = ()


def needs(*rights: str, post: tuple[str, ...] = ()) -> Callable[[View], View]:
    """For who is logged in and has all of these rights; others are asked to log in, or told 403. The view then carries
    its `rule`."""
    if not rights:
        raise ValueError("name a right")

    def guard(view: View) -> View:
        reads = login_required(permission_required(rights, raise_exception=True)(view))
        writes = login_required(permission_required((*rights, *post), raise_exception=True)(view))

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return (reads if request.method in SAFE else writes)(request, *args, **kwargs)

        guarded.rule = Rule(rights, post)  # type: ignore[attr-defined]
        return guarded

    return guard


def rule_of(view: Any) -> Rule | None:
    """What a view asks for; None where it does not say."""
    found: Rule | None = getattr(view, "rule", None)
    return found
