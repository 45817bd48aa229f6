"""The cache and queue server dies at every start until whoever runs it gives up."""

from __future__ import annotations

import signal
from typing import Any

from chaos.faults import _crash
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNITS = ("redis",)


class CacheDown(Fault):
    id = "cache_down"
    title = "Cache server down"
    category = "cache-queue"
    targets = UNITS
    description = "The server that holds cache, carts and the order queue dies and stays dead."
    blast_radius = "carts and orders; pages come from the database"
    reverts = "starts it"
    expected = Expected(UNITS, ("process_dead",))
    may_touch = ("worker",)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"units": list(UNITS)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.redis() as redis:
            redis.save()  # as it does by itself every few minutes
        _crash.for_good(site, UNITS, signal.SIGKILL)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _crash.started(site, undo["units"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        return site.down(UNITS)
