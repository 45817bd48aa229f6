"""Messages that their consumer cannot read, and puts back to the head each time."""

from __future__ import annotations

import json
import time
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

QUEUE, PROCESSING = "q:orders", "q:orders:processing"
ASIDE = "q:orders:dead"  # where somebody may have set them aside
TOTAL, HOW_MANY = "NaN\u20ac", 6  # more than the worker takes at a time


class ExceptionLoop(Fault):
    id = "exception_loop"
    title = "Exception loop"
    category = "cache-queue"
    targets = ("worker", "redis")
    description = (
        "Some orders have a total that is no number: the worker fails on them and puts them back, on and on."
    )
    blast_radius = "the worker; orders are fulfilled late or not at all"
    reverts = "takes those messages out"
    expected = Expected(("worker", "redis"), ("poison_message",))
    culprits = (("redis", QUEUE), ("worker", QUEUE))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        with site.superuser() as db:
            row = db.execute("SELECT max(id) FROM shop.orders").fetchone()
        if row is None or row[0] is None:
            raise FaultFailed("nobody has ordered anything yet; try again in a minute")
        at = round(time.time(), 3)
        orders = [{"id": row[0] - number, "total": TOTAL, "at": at} for number in range(HOW_MANY)]
        return {"messages": [json.dumps(order) for order in orders]}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.redis() as redis:
            redis.rpush(QUEUE, *undo["messages"])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part("the messages leave the queue", lambda: _take_out(site, undo["messages"]))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.redis() as redis:
            there = {message for key in (QUEUE, PROCESSING) for message in redis.lrange(key, 0, -1)}
        left = there & set(undo["messages"])
        return f"{len(left)} of the messages are still there" if left else ""


def _take_out(site: Site, messages: list[str]) -> None:
    """Until it has been in neither place for a while: the worker moves it between them."""
    seen_at, until = time.monotonic(), time.monotonic() + 10
    with site.redis() as redis:
        while time.monotonic() - seen_at < 1.0:
            if sum(int(redis.lrem(key, 0, one)) for one in messages for key in (QUEUE, PROCESSING)):
                seen_at = time.monotonic()
            if time.monotonic() > until:
                raise OSError("the worker puts it back faster than it can be taken out")
            time.sleep(0.01)
        for one in messages:
            redis.lrem(ASIDE, 0, one)
