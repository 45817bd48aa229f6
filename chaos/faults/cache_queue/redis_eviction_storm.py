"""A job fills the cache with keys that never end, and everything else is thrown out."""

from __future__ import annotations

from functools import partial
from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Part, Undo
from chaos.site import Site

PATTERN = "tmp:recs:*"


class RedisEvictionStorm(_config.JobFault):
    id = "redis_eviction_storm"
    title = "Eviction storm"
    category = "cache-queue"
    targets = ("redis", _config.BATCH)
    description = (
        "A job keeps writing keys without an end of life until the cache throws out carts and prices."
    )
    blast_radius = "carts, log-ins and the speed of every page"
    reverts = "puts the job's settings back, ends its run and deletes what it wrote"
    expected = Expected(("redis", _config.BATCH), ("eviction_storm", "config_changed"))
    job = "recs-precompute"
    settings = {"keys": 90_000, "ttl_s": 0, "rounds": 100_000, "every_s": 5}
    culprits = ((_config.BATCH, job), ("redis", job))

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [*super().parts(site, undo), Part("what the job wrote", partial(_tidy, site))]


def _tidy(site: Site) -> None:
    with site.redis() as redis:
        found: list[Any] = []
        for key in redis.scan_iter(PATTERN, count=2000):
            found.append(key)
            if len(found) >= 2000:
                redis.unlink(*found)
                found = []
        if found:
            redis.unlink(*found)
