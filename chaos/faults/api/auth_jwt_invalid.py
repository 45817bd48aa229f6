"""One of two api processes signs with another key."""

from __future__ import annotations

import hashlib

from chaos.faults import _variables
from chaos.faults.base import Expected
from chaos.site import Site


class AuthJwtInvalid(_variables.VariableFault):
    id = "auth_jwt_invalid"
    title = "Log-ins that hold on one replica only"
    category = "api"
    description = "One api process got another signing key: what the one gives out, the other refuses."
    blast_radius = "about half of what customers do while logged in"
    reverts = "puts the file back and restarts the process"
    units = ("api-2",)
    variable = "JWT_SECRET"
    expected = Expected(("api-2", "api"), ("env_changed",))
    may_touch = ("api-1",)

    def value(self, site: Site, was: str) -> str | None:
        return hashlib.sha256(was.encode()).hexdigest()[: len(was)]
