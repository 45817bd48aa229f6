"""`python -m shop.migrate up|down|status [--to N]`.

A file NNNN_name.sql has `-- up` and `-- down` parts; `-- step` separates statements that are committed one by one.
shop.schema_migrations keeps (version, dirty): a migration that stopped half way leaves its row dirty.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import psycopg

from ..kit import logs

FOLDER = Path(__file__).with_name("sql")
EXPECTED = 6  # the version this release's code is written for
Conn = psycopg.Connection[tuple[Any, ...]]


def files() -> dict[int, Path]:
    """version -> file."""
    return {int(path.name[:4]): path for path in sorted(FOLDER.glob("[0-9]*.sql"))}


def steps(path: Path, direction: str) -> list[str]:
    """The statements of one direction."""
    parts = re.split(r"^-- (up|down)\s*$", path.read_text(), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=False)).get(direction, "")
    return [step.strip() for step in re.split(r"^-- step\s*$", text, flags=re.MULTILINE) if step.strip()]


def current(conn: Conn) -> tuple[int, bool]:
    """(version, dirty); (0, False) before the first migration."""
    exists = conn.execute("SELECT to_regclass('shop.schema_migrations')").fetchone()
    if not exists or exists[0] is None:
        return 0, False
    row = conn.execute(
        "SELECT version, dirty FROM shop.schema_migrations ORDER BY version DESC LIMIT 1"
    ).fetchone()
    return (int(row[0]), bool(row[1])) if row else (0, False)


def apply(conn: Conn, version: int, direction: str) -> None:
    """Run one migration; the row stays dirty when a step fails."""
    path = files()[version]
    log = logging.getLogger("shop")
    if version > 1:
        _mark(conn, version, dirty=True)
    for number, step in enumerate(steps(path, direction), 1):
        log.info("migration %s %s step %d", path.stem, direction, number)
        conn.execute(step.encode())
    if direction == "up":
        _mark(conn, version, dirty=False)
    elif version > 1:
        conn.execute("DELETE FROM shop.schema_migrations WHERE version = %s", (version,))


def _mark(conn: Conn, version: int, *, dirty: bool) -> None:
    conn.execute(
        "INSERT INTO shop.schema_migrations (version, dirty) VALUES (%s, %s) "
        "ON CONFLICT (version) DO UPDATE SET dirty = excluded.dirty, applied_at = now()",
        (version, dirty),
    )


def migrate(conn: Conn, command: str, target: int | None) -> int:
    """up: to `target` (default: what the code expects); down: below the newest, or down to `target`."""
    version, dirty = current(conn)
    if command == "up":
        if dirty:
            raise RuntimeError(f"version {version} is dirty: run `down` first")
        for number in range(version + 1, (EXPECTED if target is None else target) + 1):
            apply(conn, number, "up")
    elif command == "down":
        for number in range(version, version - 1 if target is None else target, -1):
            apply(conn, number, "down")
    return current(conn)[0]


def main() -> None:
    logs.setup("migrate")
    log = logging.getLogger("shop")
    parser = argparse.ArgumentParser(prog="migrate")
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--to", type=int)
    options = parser.parse_args()
    url = os.environ.get("DATABASE_URL")
    if not url:
        log.critical("settings error: DATABASE_URL Field required")
        sys.exit(1)
    try:
        with psycopg.connect(url, autocommit=True, application_name="migrate", connect_timeout=3) as conn:
            migrate(conn, options.command, options.to)
            version, dirty = current(conn)
    except (psycopg.Error, RuntimeError) as error:
        log.error("migration failed: %s", str(error).strip(), exc_info=True)
        sys.exit(1)
    log.info("schema version %d%s, code expects %d", version, " dirty" if dirty else "", EXPECTED)


if __name__ == "__main__":
    main()
