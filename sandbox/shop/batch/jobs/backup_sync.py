"""Copies the tables to the second place, over the same line as the api's traffic, at a pace that leaves room for it."""

from __future__ import annotations

import hashlib
import threading
import time

import psycopg
from psycopg import sql

from . import Params, connect, log

TABLES = ("products", "stock", "users", "orders", "order_lines")


def run(params: Params) -> None:
    """via: host:port by which the database is reached; kb_s: so fast at most (0: as fast as it goes); rounds;
    streams: copies side by side; copies: how many each of them makes of a table in one go."""
    copies = [threading.Thread(target=_copies, args=(params,)) for _ in range(int(params.get("streams", 1)))]
    for copy in copies:
        copy.start()
    for copy in copies:
        copy.join()


def _copies(params: Params) -> None:
    try:
        with connect("backup-sync", via=str(params["via"])) as conn:
            for _ in range(int(params.get("rounds", 1))):
                size, digest = _copy(conn, int(params.get("copies", 1)), float(params.get("kb_s", 0)) * 1024)
                log.info("backup-sync: %d bytes, %s", size, digest)
    except psycopg.Error as error:
        log.warning("backup-sync gave up: %s", str(error).strip())


def _copy(conn: psycopg.Connection[tuple[object, ...]], copies: int, pace: float) -> tuple[int, str]:
    """Size and digest of all that was copied."""
    size, digest, began = 0, hashlib.sha256(), time.monotonic()
    for table in TABLES:
        query = sql.SQL("COPY (SELECT t.* FROM generate_series(1, {}), shop.{} t) TO STDOUT").format(
            copies, sql.Identifier(table)
        )
        with conn.cursor().copy(query) as rows:
            for block in rows:
                size += len(block)
                digest.update(block)
                if pace:
                    time.sleep(max(0.0, began + size / pace - time.monotonic()))
    return size, digest.hexdigest()[:12]
