"""Harmless changes to how parts are run."""

from __future__ import annotations

from typing import Any

from chaos.decoys.base import Decoy
from chaos.site import Site


class MemoryLimit(Decoy):
    """More than there was, which was enough."""

    id = "memory_limit"
    title = "A part may use more memory"
    kind = "limit"
    apart = True
    places = (("api-1", "memory"), ("backup-api", "memory"))

    def look(self, site: Site, place: list[Any]) -> Any:
        return site.hands.units()[place[0]]["memory_limit_mb"]

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        site.hands.set_memory_limit(place[0], was + 24)

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        site.hands.set_memory_limit(place[0], was)


class Restart(Decoy):
    """A healthy part of which there are others, or that nobody waits for, is restarted in the proper way. That leaves
    nothing that could be put back: its process is simply another one."""

    id = "restart"
    title = "A person restarts a healthy part"
    kind = "act"
    apart = True
    places = (("backup-api", "restart"), ("loadgen", "restart"), ("api-2", "restart"))

    def look(self, site: Site, place: list[Any]) -> Any:
        return site.hands.units()[place[0]]["pid"]

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        site.hands.restart(place[0])

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        """What was done is done."""
