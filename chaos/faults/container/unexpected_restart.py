"""A worker limit that recycles one api process every few seconds."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected

UNIT = "api-1"


class UnexpectedRestart(_config.ConfigFault):
    id = "unexpected_restart"
    title = "Unexpected restarts"
    category = "container"
    targets = (UNIT,)
    description = "One api process ends itself after every 40 requests, cleanly, and is started again."
    blast_radius = "what that process was doing, every few seconds"
    reverts = "puts the configuration back and restarts the process"
    expected = Expected((UNIT,), ("config_changed", "crash_loop"))
    edits = ((UNIT, "limit_max_requests", 40),)
    restarts = True
