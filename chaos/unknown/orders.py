"""What becomes of orders, as those who wait for theirs see it."""

from __future__ import annotations

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


def waiting(site: Site) -> str:
    """Orders of the last half minute that nobody has taken up within six seconds; "" when they are hardly any."""
    found = int(ask(site, NEW) or 0)
    return f"{found} orders wait for the worker" if found > FEW else ""


def take_up_again(site: Site) -> None:
    """Orders that a worker had in hand when it ended go back into the queue: nobody else would look at them again."""
    with site.redis() as redis:
        before = set(redis.lrange(PROCESSING, 0, -1))
        if before:
            time.sleep(HANDLED_WITHIN_S)
        for order in before & set(redis.lrange(PROCESSING, 0, -1)):
            with redis.pipeline() as pipe:
                pipe.lrem(PROCESSING, 1, order).rpush(QUEUE, order).execute()
