"""Who calls the API: `Authorization: Bearer <token>`, and what that token may do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import HttpBearer

from opsportal import tokens
from opsportal.models import ApiToken


class TokenAuth(HttpBearer):
    """Puts the ApiToken in `request.auth`, its user in `request.user`, and `request.require` for the routers."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        row = tokens.find(token)
        if row is not None:
            request.user = row.user
            request.require = lambda permission: _require(row, permission)  # type: ignore[attr-defined]
        return row


def _require(row: ApiToken, permission: str) -> Any:
    """The token's user, or 403 in plain words."""
    if not row.has_perm(permission):
        raise HttpError(403, f"this token may not do that: it needs {permission}")
    return row.user
