"""Tops up the stock of what sells, and forgets old orders."""

from __future__ import annotations

import time

import psycopg

from . import Params, connect, log


def run(params: Params) -> None:
    """lock_order: asc | desc (order in which rows are updated), rounds, row_pause_ms (time at each row)."""
    order = "DESC" if str(params.get("lock_order", "asc")).lower() == "desc" else "ASC"
    query = f"SELECT s.product_id FROM shop.stock s JOIN shop.products p ON p.id = s.product_id ORDER BY p.sku {order}"  # noqa: S608
    rounds = int(params.get("rounds", 1))
    with connect("inventory-sync") as conn:
        hot = [row[0] for row in conn.execute(query)][: int(params.get("rows", 50))]
        for _ in range(rounds):
            try:
                _round(conn, hot, float(params.get("row_pause_ms", 0)) / 1000)
            except psycopg.errors.DeadlockDetected as error:
                log.error("inventory-sync: %s, trying again", str(error).splitlines()[0])
        conn.execute("DELETE FROM shop.orders WHERE created_at < now() - interval '1 hour'")
    log.info("inventory-sync: %d rows", len(hot))


def _round(conn: psycopg.Connection[tuple[int, ...]], hot: list[int], pause: float) -> None:
    with conn.transaction():
        for product in hot:
            conn.execute(
                "UPDATE shop.stock SET on_hand = greatest(on_hand, 500), updated_at = now() WHERE product_id = %s",
                (product,),
            )
            if pause:
                time.sleep(pause)
