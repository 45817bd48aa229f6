"""The api looks for its cache at a port where nobody listens."""

from __future__ import annotations

import re

from chaos.faults import _variables
from chaos.faults.base import Expected
from chaos.site import Site

NOBODY = 9


class EnvWrong(_variables.VariableFault):
    id = "env_wrong"
    title = "Wrong environment variable"
    category = "config"
    description = "The api's address of the cache has another port. It starts, and finds nobody there."
    blast_radius = "carts and orders; pages are slower"
    reverts = "puts the files back and restarts the processes"
    units = ("api-1", "api-2")
    variable = "REDIS_URL"
    expected = Expected(("api", *units), ("env_changed",))

    def value(self, site: Site, was: str) -> str | None:
        return re.sub(r":\d+(?=/)", f":{NOBODY}", was)
