"""What is read is not kept any more: each look-up goes to the database."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Undo
from chaos.site import Site

UNITS = ("api-1", "api-2")


class CacheMissStorm(_config.ConfigFault):
    id = "cache_miss_storm"
    title = "Cache miss storm"
    category = "cache-queue"
    targets = ("redis", *UNITS)
    description = (
        "Cached products live for no time at all, and the cache was emptied: the database does it all."
    )
    blast_radius = "every page is slower, and the database busier"
    reverts = "puts the configuration back and reloads it"
    expected = Expected(("redis", "api", *UNITS), ("cache_miss_storm", "config_changed"))
    edits = tuple((unit, "cache.ttl_s", 0) for unit in UNITS)

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        super().inject(site, params, undo)
        with site.redis() as redis:
            keys = list(redis.scan_iter("product:*", count=500))
            if keys:
                redis.unlink(*keys)
