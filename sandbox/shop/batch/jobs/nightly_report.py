"""Sums up the orders in one consistent view of the database."""

from __future__ import annotations

import time

from . import Params, connect, log


def run(params: Params) -> None:
    """hold_s: how long the report's transaction stays open after its query."""
    with connect("nightly-report", autocommit=False) as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = conn.execute("SELECT count(*), coalesce(sum(total), 0) FROM shop.orders").fetchone()
        time.sleep(float(params.get("hold_s", 0)))
        conn.commit()
    count, total = row or (0, 0)
    log.info("nightly-report: %s orders, %s in all", count, total)
