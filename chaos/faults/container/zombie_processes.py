"""The worker does not collect its ended children any more."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected

UNIT = "worker"


class ZombieProcesses(_config.ConfigFault):
    id = "zombie_processes"
    title = "Zombie processes"
    category = "container"
    targets = (UNIT,)
    description = (
        "The worker forks a child for each picture and never collects it: its slots fill with the dead."
    )
    blast_radius = "pictures of orders; the orders themselves are fulfilled"
    reverts = "puts the configuration back and reloads it"
    expected = Expected((UNIT,), ("zombie_children", "config_changed"))
    edits = ((UNIT, "thumbs.reap_children", False),)
