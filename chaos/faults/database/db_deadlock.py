"""A job that tops up the stock updates the rows in the opposite order of a checkout."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected


class DbDeadlock(_config.JobFault):
    id = "db_deadlock"
    title = "Deadlock"
    category = "database"
    targets = ("postgres", _config.BATCH)
    description = "The stock job takes its rows in the opposite order of a checkout, again and again."
    blast_radius = "checkouts of several products"
    reverts = "puts the job's settings back and ends its run"
    expected = Expected(("postgres", _config.BATCH), ("deadlock", "config_changed"))
    job = "inventory-sync"
    settings = {"lock_order": "desc", "rounds": 100_000, "row_pause_ms": 25, "every_s": 5}
