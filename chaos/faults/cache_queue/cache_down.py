"""The cache and queue server dies at every start until whoever runs it gives up."""

from __future__ import annotations

from typing import Any

from chaos.faults import _crash
from chaos.faults.base import Expected, Undo
from chaos.site import Site

UNITS = ("redis",)


class CacheDown(_crash.CrashFault):
    id = "cache_down"
    title = "Cache server down"
    category = "cache-queue"
    targets = UNITS
    description = "The server that holds cache, carts and the order queue dies and stays dead."
    blast_radius = "carts and orders; pages come from the database"
    reverts = "starts it"
    expected = Expected(UNITS, ("process_dead",))
    may_touch = ("worker",)

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.redis() as redis:
            redis.save()  # as it does by itself every few minutes
        super().inject(site, params, undo)
