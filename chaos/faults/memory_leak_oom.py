"""A cache without a bound: one api replica grows until the kernel (or its supervisor) kills it."""

from __future__ import annotations

from typing import Any, ClassVar

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNIT = "api-2"
KEY = "session_cache.max_entries"


class MemoryLeakOom(Fault):
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
    culprits = ((UNIT, KEY),)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return _config.remember(site, (UNIT,))

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _config.put(site, [(UNIT, KEY, 0)])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _config.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _config.still(site, [(UNIT, KEY, 0)]) or site.answers(UNIT)
