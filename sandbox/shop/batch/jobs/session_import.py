"""Takes over the visits of the shop's other site: writes them all to the cache, and drops those that have ended."""

from __future__ import annotations

import os
import random

import redis

from . import Params, log

AT_ONCE = 500
SIZES = (50, 70, 100, 150, 200, 300)  # bytes of a visit, by how much there was to see


def run(params: Params) -> None:
    """keys: how many there are; keep_every: one of so many has not ended, and is kept for ttl_s (0: for good)."""
    keys, every = int(params.get("keys", 200)), max(1, int(params.get("keep_every", 4)))
    ttl = int(params.get("ttl_s", 600))
    draw = random.Random(keys)
    with redis.Redis.from_url(os.environ["REDIS_URL"], client_name="session-import") as cache:
        for first in range(0, keys, AT_ONCE):
            with cache.pipeline(transaction=False) as pipe:
                for number in range(first, min(keys, first + AT_ONCE)):
                    pipe.set(
                        f"imported:{number}", draw.randbytes(draw.choice(SIZES) // 2).hex(), ex=ttl or None
                    )
                pipe.execute()
        ended = [f"imported:{number}" for number in range(keys) if number % every]
        for first in range(0, len(ended), AT_ONCE):
            cache.unlink(*ended[first : first + AT_ONCE])
    log.info("session-import: %d of %d visits go on", keys - len(ended), keys)
