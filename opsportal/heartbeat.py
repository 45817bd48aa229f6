"""Signs of life that the long-running processes leave in Redis for /healthz, each machine or container its own.

OPSPORTAL_ALIVE_FILE, where it is set, is touched as well: a health check without Redis.
"""

import contextlib
import json
import os
import socket
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_PREFIX = "opsportal:alive:by:"
EVERY_S = 1.0
FRESH_S = 8.0  # older signs of life count as dead
GONE_S = 60.0  # older ones are forgotten
Sign = dict[str, Any]


@lru_cache(maxsize=1)
def client() -> "redis.Redis":
    retry = Retry(NoBackoff(), 1)  # one more try heals a stale connection; more would only hide an outage
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=retry)


def beat(name: str, host: str = "", **facts: Any) -> None:
    """Say that the process `name` of this host (or container) is alive now. Raises redis.RedisError."""
    if file := os.environ.get("OPSPORTAL_ALIVE_FILE"):
        Path(file).touch()
    with client().pipeline(transaction=True) as pipe:
        pipe.hset(_PREFIX + name, host or socket.gethostname(), json.dumps({"at": time.time(), **facts}))
        pipe.expire(_PREFIX + name, int(GONE_S))
        pipe.execute()


def signs(name: str) -> list[Sign]:
    """The last sign of life of each process of that name, with its `age_s`, the latest first; of the last minute.
    Raises redis.RedisError."""
    now = time.time()
    raw: dict[bytes, bytes] = client().hgetall(_PREFIX + name)  # type: ignore[assignment]
    found: list[Sign] = []
    for host, text in raw.items():
        sign = json.loads(text)
        age = round(max(0.0, now - sign["at"]), 1)
        if age > GONE_S:
            client().hdel(_PREFIX + name, host.decode())
        else:
            found.append({**sign, "age_s": age})
    return sorted(found, key=lambda sign: sign["age_s"])


def leave(name: str) -> None:
    """Say that this host's process `name` ends on purpose. Raises redis.RedisError."""
    client().hdel(_PREFIX + name, socket.gethostname())


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
