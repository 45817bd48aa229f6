"""Says what changed, to every process and from there to every open page.

A message never carries the content: `{"topic", "seq", "kind"}` is enough for a page to fetch again through the view
that checks permission. Messages may be lost (Redis down); pages catch up by `seq`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

EVENTS = "ops:live"
DASHBOARD_EVERY_S = 1.0

_last_dashboard: dict[str, float] = {}
_dashboard_lock = threading.Lock()


@cache
def client() -> redis.Redis:
    """This process's Redis client; short timeouts, because nothing here may hold up the work itself."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2.0, socket_connect_timeout=1.0, health_check_interval=15
    )


def channel(name: str) -> str:
    """The pub/sub channel of that name of this Redis database: without it, all portals on one server would hear
    each other."""
    return f"{name}:{client().connection_pool.connection_kwargs.get('db') or 0}"


def publish(topic: str, payload: dict[str, Any]) -> None:
    """Tell everybody that `topic` changed, once the current transaction is committed. Never raises."""
    message = json.dumps({**payload, "topic": topic}, default=str)
    transaction.on_commit(lambda: _send(message), robust=True)


def publish_dashboard(slug: str) -> None:
    """`publish("dashboard")` for a tick of system `slug`, at most once a second."""
    now = time.monotonic()
    with _dashboard_lock:
        if now - _last_dashboard.get(slug, -1e9) < DASHBOARD_EVERY_S * 0.9:
            return
        _last_dashboard[slug] = now
    publish("dashboard", {"kind": "tick", "system": slug})


def _send(message: str) -> None:
    try:
        client().publish(channel(EVENTS), message)
    except redis.RedisError as error:
        log.warning("live message lost, pages will catch up by number: %s", error)
