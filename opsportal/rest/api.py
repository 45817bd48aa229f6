"""The REST API: one document at /api/docs, the same gates as the pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, ObjectDoesNotExist
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from actions.api import router as actions_router
from actions.service import ActionRefused, Busy, NotAllowed, UnknownAction
from chaos.api import router as chaos_router
from chaos.mode.api import router as chaos_mode_router
from opsportal.inputgate import UNKEPT
from opsportal.rest.auth import TokenAuth
from opsportal.rest.changes import router as changes_router
from opsportal.rest.incidents import router as incidents_router
from opsportal.rest.switches import router as switches_router
from opsportal.rest.vocabulary import router as vocabulary_router

api = NinjaAPI(
    title="opsportal",
    version="1",
    description=(
        "Break, look, fix: every call passes the same policy, approval and audit as the buttons. "
        "Make a token with `manage.py create_token USER` and send it as `Authorization: Bearer ...`."
    ),
    docs_url="/api/docs",
    openapi_url="/api/openapi.json",
    auth=TokenAuth(),
    urls_namespace="api",
)
api.add_router("", actions_router)
api.add_router("/api", incidents_router)
api.add_router("/api", switches_router)
api.add_router("/api", changes_router)
api.add_router("/api", vocabulary_router)
api.add_router("", chaos_router)
api.add_router("", chaos_mode_router)


def _say(request: HttpRequest, status: int, error: str, **more: Any) -> HttpResponse:
    return api.create_response(request, {"detail": error, **more}, status=status)


@api.exception_handler(UnknownAction)
def _unknown(request: HttpRequest, error: UnknownAction) -> HttpResponse:
    return _say(request, 404, str(error), near=error.near)


@api.exception_handler(ActionRefused)
def _refused(request: HttpRequest, error: ActionRefused) -> HttpResponse:
    return _say(request, 422, str(error))


@api.exception_handler(NotAllowed)
def _not_allowed(request: HttpRequest, error: NotAllowed) -> HttpResponse:
    return _say(request, 403, str(error))


@api.exception_handler(Busy)
def _busy(request: HttpRequest, error: Busy) -> HttpResponse:
    return _say(request, 409, str(error))


@api.exception_handler(ObjectDoesNotExist)
def _gone(request: HttpRequest, error: ObjectDoesNotExist) -> HttpResponse:
    return _say(request, 404, "there is no such thing")


@api.exception_handler(BadRequest)
def _bad(request: HttpRequest, error: BadRequest) -> HttpResponse:
    return _say(request, 400, str(error))


@api.exception_handler(DataError)
def _unkept(request: HttpRequest, error: DataError) -> HttpResponse:
    return _say(request, 400, UNKEPT)


@api.exception_handler(AuthenticationError)
def _who(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _say(
        request, 401, "send a valid token: Authorization: Bearer ... (manage.py create_token makes one)"
    )


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _say(request, error.status_code, str(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    words = "; ".join(f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors)
    return _say(request, 422, words)
