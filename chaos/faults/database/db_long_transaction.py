"""A report keeps its transaction open after its query; no row that is replaced meanwhile can be removed."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected


class DbLongTransaction(_config.JobFault):
    id = "db_long_transaction"
    title = "Long-running transaction"
    category = "database"
    targets = ("postgres", _config.BATCH)
    description = "A report leaves its transaction open: dead rows pile up behind it, and nobody is blocked."
    blast_radius = "tables grow; nothing fails yet"
    reverts = "puts the job's settings back and ends its run"
    expected = Expected(("postgres", _config.BATCH), ("long_transaction", "config_changed"))
    job = "nightly-report"
    settings = {"hold_s": 3600, "every_s": 5}
