"""A message that its consumer cannot read, and puts back to the head each time."""

from __future__ import annotations

import json
import time
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

QUEUE, PROCESSING = "q:orders", "q:orders:processing"


class ExceptionLoop(Fault):
    id = "exception_loop"
    title = "Exception loop"
    category = "cache-queue"
    targets = ("worker", "redis")
    description = (
        "One order with a total that is no number: the worker fails on it and puts it back, on and on."
    )
    blast_radius = "the worker; orders are fulfilled late or not at all"
    reverts = "takes that message out"
    expected = Expected(("worker", "redis"), ("poison_message",))
    culprits = (("redis", QUEUE), ("worker", QUEUE))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        with site.superuser() as db:
            row = db.execute("SELECT max(id) FROM shop.orders").fetchone()
        if row is None or row[0] is None:
            raise FaultFailed("nobody has ordered anything yet; try again in a minute")
        total = "NaN\u20ac"
        return {"message": json.dumps({"id": row[0], "total": total, "at": round(time.time(), 3)})}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.redis() as redis:
            redis.rpush(QUEUE, *[undo["message"]] * LIKE_IT)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part("the message leaves the queue", lambda: _take_out(site, undo["message"]))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.redis() as redis:
            there = sum(redis.lrange(key, 0, -1).count(undo["message"]) for key in (QUEUE, PROCESSING))
        return "the message is still there" if there else ""


LIKE_IT = 6  # more than the worker takes at a time


def _take_out(site: Site, message: str) -> None:
    """Until it has been in neither place for a while: the worker moves it between them."""
    seen_at, until = time.monotonic(), time.monotonic() + 10
    with site.redis() as redis:
        while time.monotonic() - seen_at < 1.0:
            if redis.lrem(QUEUE, 0, message) or redis.lrem(PROCESSING, 0, message):
                seen_at = time.monotonic()
            if time.monotonic() > until:
                raise OSError("the worker puts it back faster than it can be taken out")
            time.sleep(0.01)
