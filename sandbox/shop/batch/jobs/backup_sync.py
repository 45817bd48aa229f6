"""Copies the tables to the other site, over the line that the database's traffic has."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import psycopg

from . import Params, log

TABLES = ("products", "stock", "users", "orders", "order_lines")
MB = 1_000_000


def run(params: Params) -> None:
    """mb: how much is copied at most, all over again where the tables are less; streams: how many copy at a time."""
    streams = max(1, int(params.get("streams", 1)))
    share = float(params.get("mb", 1)) * MB / streams
    with ThreadPoolExecutor(streams) as pool:
        done = sum(pool.map(_copy, [share] * streams))
    log.info("backup-sync: %d MB", round(done / MB))


def _copy(wanted: float) -> int:
    """Bytes that came over."""
    got = 0
    url = os.environ["BACKUP_DATABASE_URL"]
    with psycopg.connect(url, application_name="backup-sync", autocommit=True, connect_timeout=5) as conn:
        while got < wanted:
            before = got
            for table in TABLES:
                with conn.cursor().copy(f"COPY shop.{table} TO STDOUT") as rows:
                    got += sum(len(part) for part in rows)
            if got == before:
                break
    return got
