"""What becomes of orders, as those who wait for theirs see it."""

from __future__ import annotations

import json
import time

from chaos.site import Site
from chaos.unknown.base import ask

FEW = 3
QUEUE, PROCESSING = "q:orders", "q:orders:processing"
HANDLED_WITHIN_S = 2.0
NEW = (
    "SELECT count(*) FROM shop.orders WHERE status = 'new'"
    " AND created_at BETWEEN now() - interval '30 s' AND now() - interval '6 s'"
)
# taken in hand at some time, and nobody is at them
LYING = (
    "SELECT count(*) FROM shop.orders WHERE status <> 'fulfilled'"
    " AND created_at < now() - interval '30 s' AND id IN ({})"
)


def waiting(site: Site) -> str:
    """Orders of the last half minute that nobody has taken up within six seconds, when they are not hardly any; and
    those that were taken in hand before, and lie there. Empty: neither."""
    found = int(ask(site, NEW) or 0)
    if found > FEW:
        return f"{found} orders wait for the worker"
    numbers = _in_hand(site)
    lying = int(ask(site, LYING.format(", ".join(map(str, numbers)))) or 0) if numbers else 0
    return f"{lying} orders were taken in hand and lie there" if lying else ""


def _in_hand(site: Site) -> list[int]:
    found = []
    with site.redis() as redis:
        for message in redis.lrange(PROCESSING, 0, -1):
            try:
                found.append(int(json.loads(message)["id"]))
            except (ValueError, KeyError, TypeError):
                continue
    return found


def take_up_again(site: Site) -> None:
    """Orders that a worker had in hand when it ended go back into the queue: nobody else would look at them again."""
    with site.redis() as redis:
        before = set(redis.lrange(PROCESSING, 0, -1))
        if before:
            time.sleep(HANDLED_WITHIN_S)
        for order in before & set(redis.lrange(PROCESSING, 0, -1)):
            with redis.pipeline() as pipe:
                pipe.lrem(PROCESSING, 1, order).rpush(QUEUE, order).execute()
