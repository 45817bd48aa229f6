"""`python -m shop.migrate up|down|status [--to N] [--dry-run]`.

A file NNNN_name.sql has `-- up` and `-- down` parts; `-- step` separates statements that are committed one by one.
`--dry-run`: in one transaction that is rolled back, and says how many rows it would lose.
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
from psycopg import sql

from ..kit import logs

FOLDER = Path(__file__).with_name("sql")
EXPECTED = 6  # the version this release's code is written for
# of a dry run: somebody else is at it, or a statement that wants no transaction around it
CANNOT_TRY = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.ActiveSqlTransaction,
)
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


def dry_run(conn: Conn, command: str, target: int | None) -> tuple[int, int]:
    """(version it would lead to, rows whose row or value would be gone). Nothing stays of it."""
    try:
        # nobody waits longer than this for what is only tried
        conn.execute("SET LOCAL lock_timeout = '1s'")
        conn.execute("SET LOCAL statement_timeout = '4s'")
        before = _held(conn)
        version = migrate(conn, command, target)
        return version, lost(before, _held(conn))
    finally:
        conn.rollback()


def _held(conn: Conn) -> dict[str, dict[str, int]]:
    """table -> column -> rows with a value there; of `*` all rows."""
    found: dict[str, dict[str, int]] = {}
    columns = conn.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'shop' AND table_type = 'BASE TABLE' GROUP BY 1"
    ).fetchall()
    for table, names in columns:
        counts = [sql.SQL("count({})").format(sql.Identifier(name)) for name in names]
        query = sql.SQL("SELECT count(*), {} FROM shop.{}").format(
            sql.SQL(", ").join(counts), sql.Identifier(table)
        )
        row = conn.execute(query).fetchone() or ()
        found[str(table)] = dict(zip(["*", *names], map(int, row), strict=True))
    found.pop("schema_migrations", None)
    return found


def lost(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> int:
    """Rows that are gone, or without a value that they had. A column under another name has its values still."""
    gone = 0
    for table, had in before.items():
        has = after.get(table, {})
        values = max((n for name, n in had.items() if name not in has), default=0)
        moved = max((n for name, n in has.items() if name not in had), default=0)
        gone += max(had["*"] - has.get("*", 0), values - moved, 0)
    return gone


def main() -> None:
    logs.setup("migrate")
    log = logging.getLogger("shop")
    parser = argparse.ArgumentParser(prog="migrate")
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--to", type=int)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    url = os.environ.get("DATABASE_URL")
    if not url:
        log.critical("settings error: DATABASE_URL Field required")
        sys.exit(1)
    try:
        with psycopg.connect(
            url, autocommit=not options.dry_run, application_name="migrate", connect_timeout=3
        ) as conn:
            if options.dry_run:
                version, gone = dry_run(conn, options.command, options.to)
                log.info("schema version %d%s, code expects %d", version, " if it were done", EXPECTED)
                print(f"rows lost: {gone}")  # in the words that whoever asked it to try goes by
                return
            migrate(conn, options.command, options.to)
            version, dirty = current(conn)
    except CANNOT_TRY as error:
        log.warning("migration failed: %s", str(error).strip())
        sys.exit(os.EX_TEMPFAIL)
    except (psycopg.Error, RuntimeError) as error:
        log.error("migration failed: %s", str(error).strip(), exc_info=True)
        sys.exit(1)
    log.info("schema version %d%s, code expects %d", version, " dirty" if dirty else "", EXPECTED)


if __name__ == "__main__":
    main()
