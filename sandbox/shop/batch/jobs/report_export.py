"""Exports orders to CSV, chunk by chunk, with some sessions side by side for each chunk."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import Any

import psycopg

from . import Params, connect, log

Session = psycopg.Connection[tuple[Any, ...]]


def run(params: Params) -> None:
    """chunks, sessions_per_chunk, close_sessions (give a chunk's sessions back before the next one), retry_s."""
    chunks = int(params.get("chunks", 4))
    per_chunk = max(1, int(params.get("sessions_per_chunk", 1)))
    close = bool(params.get("close_sessions", True))
    folder = Path(os.environ["EXPORT_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    held: list[Session] = []
    rows = 0
    for chunk in range(chunks):
        sessions = [_session(float(params.get("retry_s", 0.4))) for _ in range(per_chunk)]
        for part, session in enumerate(sessions):
            rows += _export(
                session, folder / f"orders-{chunk}-{part}.csv", chunk * per_chunk + part, chunks * per_chunk
            )
        if close:
            for session in sessions:
                session.close()
        else:
            held += sessions
    log.info("report-export: %d rows in %d chunks", rows, chunks)
    for session in held:
        session.close()


def _session(retry_s: float) -> Session:
    """Wait for a free session as long as it takes."""
    while True:
        try:
            return connect("report-export")
        except psycopg.OperationalError as error:
            log.warning("report-export waits for a session: %s", str(error).strip().splitlines()[-1])
            time.sleep(retry_s)


def _export(session: Session, path: Path, part: int, parts: int) -> int:
    query = "SELECT id, email, total, status FROM shop.orders WHERE id %% %s = %s ORDER BY id DESC LIMIT 200"
    try:
        rows = session.execute(query, (parts, part)).fetchall()
    except psycopg.OperationalError as error:
        log.warning("report-export lost a session: %s", str(error).strip())
        return 0
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "email", "total", "status"), *rows])
    return len(rows)
