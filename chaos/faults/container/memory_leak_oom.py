"""A cache without a bound: one api replica grows until the kernel (or its supervisor) kills it."""

from __future__ import annotations

from typing import ClassVar

from chaos.faults import _config
from chaos.faults.base import Expected, Undo
from chaos.site import Site

UNIT = "api-2"


class MemoryLeakOom(_config.ConfigFault):
    id = "memory_leak_oom"
    title = "Memory leak until the OOM kill"
    category = "container"
    targets = (UNIT,)
    description = (
        "A configuration change takes the bound off a cache; real requests fill it to the memory limit."
    )
    blast_radius = "requests that api-2 was serving when it is killed, again and again"
    reverts = "puts the configuration back and reloads it"
    imitated: ClassVar = {
        "process": "without root, the supervisor keeps the memory limit instead of a cgroup"
    }
    expected = Expected((UNIT,), ("unbounded_session_cache", "memory_leak"))
    edits = ((UNIT, "session_cache.max_entries", 0),)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return super().still_broken(site, undo) or site.answers(UNIT)
