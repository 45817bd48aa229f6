"""A snapshot on trial: its tables with rows and own rules, put up in a schema that is gone with its transaction."""

from __future__ import annotations

import re
import uuid

import psycopg
from psycopg import sql

from actions.catalogue.database import _restore
from actions.snapshots import IDENT, NAME, Entry, Snapshot, plain
from actions.tables import Session
from actions.trial import Trial

SCRATCH = "a schema of its own that was taken back"
OWNED = re.compile(rf"ALTER TABLE (?:ONLY )?{NAME} OWNER TO {IDENT};")


def tables(session: Session, snapshot: Snapshot, names: list[str]) -> Trial:
    """The tables put up in a schema that nobody else ever sees. Keys to other tables are not looked at."""
    scratch, found = f"ops_try_{uuid.uuid4().hex[:12]}", list[str]()
    with session.transaction(force_rollback=True):
        session.execute("set local search_path = ''")
        session.execute(sql.SQL("create schema {}").format(sql.Identifier(scratch)))
        for name in names:
            try:
                with session.transaction():
                    rows = _put_up(session, snapshot, name, scratch)
            except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError):
                raise  # of the trial, not of the snapshot
            except psycopg.Error as error:
                problem = str(error).splitlines()[0]
                return Trial("failed", SCRATCH, [*found, f"{name}: {problem}"[:300]])
            found.append(f"{name}: {rows} rows of the snapshot are there, and its own rules hold")
    return Trial("held", SCRATCH, found)


def _put_up(session: Session, snapshot: Snapshot, table: str, scratch: str) -> int:
    def elsewhere(found: re.Match[str]) -> str:
        mine = (plain(found[1]), plain(found[2])) == (snapshot.schema, table)
        return f"{scratch}.{found[2]}" if mine else found[0]

    for entry in snapshot.of(table, "TABLE"):  # whose it is there matters to nobody
        session.execute(re.sub(NAME, elsewhere, OWNED.sub("", entry.sql)))
    rows = snapshot.data(table)
    count = 0
    if rows is not None:
        moved = Entry(
            rows.kind, rows.name, re.sub(NAME, elsewhere, rows.sql, count=1), rows.rows, rows.start, rows.end
        )
        count = _restore.copied(session, snapshot, moved)
    for entry in snapshot.of(table, "CONSTRAINT"):
        session.execute(re.sub(NAME, elsewhere, entry.sql))
    return count
