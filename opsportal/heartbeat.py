"""Signs of life that the long-running processes leave in Redis for /healthz."""

import contextlib
import json
import threading
import time
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_PREFIX = "opsportal:alive:"
EVERY_S = 1.0
FRESH_S = 8.0  # older signs of life count as dead


@lru_cache(maxsize=1)
def client() -> "redis.Redis":
    retry = Retry(NoBackoff(), 1)  # one more try heals a stale connection; more would only hide an outage
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=retry)


def beat(name: str, **facts: Any) -> None:
    """Say that `name` is alive now. Raises redis.RedisError."""
    client().set(_PREFIX + name, json.dumps({"at": time.time(), **facts}), ex=60)


def last(name: str) -> dict[str, Any] | None:
    """The last sign of life with its `age_s`, None when there is none. Raises redis.RedisError."""
    raw = client().get(_PREFIX + name)
    if not isinstance(raw, bytes):
        return None
    found: dict[str, Any] = json.loads(raw)
    return {**found, "age_s": round(max(0.0, time.time() - found["at"]), 1)}


def beat_in_thread(name: str) -> threading.Event:
    """Beat from a daemon thread until the returned event is set."""
    stop = threading.Event()

    def run() -> None:
        while True:
            with contextlib.suppress(redis.RedisError):  # Redis is away: /healthz says so by itself
                beat(name)
            if stop.wait(EVERY_S):
                return

    threading.Thread(target=run, name=f"heartbeat-{name}", daemon=True).start()
    return stop
