"""The api's address of the database is gone from its environment."""

from __future__ import annotations

from chaos.faults import _variables
from chaos.faults.base import Expected


class EnvMissing(_variables.VariableFault):
    id = "env_missing"
    title = "Missing environment variable"
    category = "config"
    description = "A variable that the api can't start without is gone from its environment."
    blast_radius = "the whole shop: every page and order"
    reverts = "puts the files back and starts the processes"
    units = ("api-1", "api-2")
    variable = "DATABASE_URL"
    expected = Expected(("api", *units), ("env_missing",))
