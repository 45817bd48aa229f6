"""The worker works on one order at a time with a rest after each, and more orders come than usual."""

from __future__ import annotations

import json
import time
from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, FaultFailed, Intensity, Undo
from chaos.site import Site

UNIT, QUEUE = "worker", "q:orders"
BURST = 400


class QueueBacklog(_config.ConfigFault):
    id = "queue_backlog"
    title = "Queue backlog"
    category = "cache-queue"
    targets = (UNIT, "redis")
    description = "The worker was slowed down by a setting, and a campaign brings hundreds of orders at once."
    blast_radius = "orders are fulfilled late; the shop itself works"
    reverts = "puts the configuration back; the worker works off what is waiting"
    expected = Expected((UNIT, "redis"), ("queue_backlog", "config_changed"))
    intensity = Intensity("orders that come at once", BURST, 50, 5_000)
    edits = ((UNIT, "concurrency", 1), (UNIT, "poll_interval_s", 2))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {**super().prepare(site, params), "burst": self.strength(params)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        super().inject(site, params, undo)
        with site.superuser() as db:
            rows = db.execute(
                "INSERT INTO shop.orders (email, total, status) "
                "SELECT 'campaign' || n || '@example.test', 9.90, 'new' FROM generate_series(1, %s) n RETURNING id",
                [undo["burst"]],
            ).fetchall()
        if not rows:
            raise FaultFailed("no orders could be written; reset the sandbox first")
        now = round(time.time(), 3)
        orders = [json.dumps({"id": row[0], "total": 9.9, "at": now}) for row in rows]
        with site.redis() as redis:
            redis.lpush(QUEUE, *orders)
