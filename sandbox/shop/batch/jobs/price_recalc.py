"""Rounds prices and writes them back under a lock on the stock."""

from __future__ import annotations

import time

from . import Params, connect, log


def run(params: Params) -> None:
    """hold_s: how long the lock is kept after the work; rounds and pause_s: how often, and the time in between."""
    for _ in range(int(params.get("rounds", 1))):
        with connect("price-recalc", autocommit=False) as conn:
            conn.execute("LOCK TABLE shop.stock IN EXCLUSIVE MODE")
            done = conn.execute(
                "UPDATE shop.products SET price = round(price, 2) WHERE price <> round(price, 2)"
            ).rowcount
            time.sleep(float(params.get("hold_s", 0)))
            conn.commit()
        log.info("price-recalc: %d prices", done)
        time.sleep(float(params.get("pause_s", 0)))
