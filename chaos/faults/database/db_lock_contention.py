"""A price job keeps the stock table locked, lets go for a moment, and takes it again."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected, Intensity


class DbLockContention(_config.JobFault):
    id = "db_lock_contention"
    title = "Lock contention"
    category = "database"
    targets = ("postgres", _config.BATCH)
    description = "The price job holds a lock on the stock for 20 of every 22 seconds: orders wait and fail."
    blast_radius = "orders; reading goes on"
    reverts = "puts the job's settings back and ends its run"
    expected = Expected(("postgres", _config.BATCH), ("lock_contention", "config_changed"))
    intensity = Intensity("seconds of each round that the lock is held", 20, 2, 60, key="hold_s")
    job = "price-recalc"
    settings = {"hold_s": 20, "pause_s": 2, "rounds": 1000, "every_s": 5}
