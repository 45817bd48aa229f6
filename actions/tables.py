"""Tables now against tables in a snapshot: which are missing or damaged, and how many rows that is, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql

from actions.snapshots import Snapshot

Session = psycopg.Connection[Any]
State = Literal["whole", "missing", "damaged", "emptied"]
MOST = 0.5  # a table with less than this share of the snapshot's rows has lost most of them


@dataclass(frozen=True, slots=True)
class Judged:
    """`back`: rows that a repair brings back. `newer`: rows now that the snapshot has not or has otherwise; None = they
    cannot be read. Only what is damaged is replaced, so only there the newer ones are lost to the table."""

    table: str
    state: State
    why: str
    back: int
    newer: int | None

    @property
    def lost(self) -> int | None:
        return self.newer if self.state == "damaged" else 0


def present(session: Session, schema: str) -> list[str]:
    rows = session.execute(
        "select tablename from pg_tables where schemaname = %s order by 1", [schema]
    ).fetchall()
    return [str(r[0]) for r in rows]


def judge(session: Session, snapshot: Snapshot, named: Sequence[str] = ()) -> list[Judged]:
    """What is wrong with the tables of the snapshot; with `named`, of those, whatever state they are in."""
    there = present(session, snapshot.schema)
    found = [_judge(session, snapshot, t, t in there, t in named) for t in named or snapshot.tables]
    return found if named else [item for item in found if item.state != "whole"]


def _judge(session: Session, snapshot: Snapshot, table: str, there: bool, named: bool) -> Judged:
    rows = snapshot.rows(table)
    if not there:
        return Judged(table, "missing", "is missing", rows, 0)
    lacking = [c for c in snapshot.columns(table) if c not in columns(session, snapshot.schema, table)]
    try:
        now = count(session, snapshot.schema, table)
        if lacking:
            newer, _ = compare(session, snapshot, table)
            return Judged(table, "damaged", f"lacks {', '.join(lacking)}", rows, newer)
        if named or now < rows * MOST:
            _, missing = compare(session, snapshot, table)
            if missing:
                return Judged(table, "emptied", f"lacks {missing} of {rows} rows", missing, 0)
    except (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted, psycopg.errors.IoError) as error:
        return Judged(table, "damaged", f"cannot be read: {str(error).splitlines()[0]}", rows, None)
    return Judged(table, "whole", f"has {now} rows", 0, 0)


def columns(session: Session, schema: str, table: str) -> list[str]:
    rows = session.execute(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s",
        [schema, table],
    ).fetchall()
    return [str(r[0]) for r in rows]


def count(session: Session, schema: str, table: str) -> int:
    row = session.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return int(row[0])


def compare(session: Session, snapshot: Snapshot, table: str) -> tuple[int | None, int | None]:
    """(rows now that the snapshot has not or has otherwise, rows of the snapshot that are not there now).

    By the primary key; without one by all columns. Nothing of the target changes: the snapshot's rows go to a
    temporary table of this connection."""
    there = columns(session, snapshot.schema, table)
    shared = [c for c in snapshot.columns(table) if c in there]
    key = [c for c in snapshot.key(table) if c in shared] or shared
    if not shared:
        now = count(session, snapshot.schema, table)
        return now, snapshot.rows(table)
    stage(session, snapshot, table)
    name, old = sql.Identifier(snapshot.schema, table), sql.Identifier("ops_stage")
    same_key = _equal(key)
    newer = sql.SQL("select count(*) from {} n where not exists (select 1 from {} o where {})").format(
        name, old, sql.SQL(" and ").join([same_key, _equal(shared)])
    )
    missing = sql.SQL("select count(*) from {} o where not exists (select 1 from {} n where {})").format(
        old, name, same_key
    )
    found = [session.execute(query).fetchone() for query in (newer, missing)]
    session.execute("drop table pg_temp.ops_stage")
    return tuple(int(row[0]) if row else None for row in found)  # type: ignore[return-value]


def stage(session: Session, snapshot: Snapshot, table: str) -> None:
    """The snapshot's rows as text in the temporary table `ops_stage`."""
    entry, names = snapshot.data(table), snapshot.columns(table)
    session.execute("drop table if exists pg_temp.ops_stage")
    fields = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(c)) for c in names)
    session.execute(sql.SQL("create temporary table ops_stage ({})").format(fields))
    if entry is None:
        return
    with session.cursor() as cursor, cursor.copy("copy pg_temp.ops_stage from stdin") as copy:
        for block in snapshot.lines(entry):
            copy.write(block)


def _equal(names: Sequence[str]) -> sql.Composed:
    """`format` gives a value as COPY writes it."""
    each = [
        sql.SQL(
            r"coalesce(o.{0}, '\N') = (case when n.{0} is null then '\N' else format('%s', n.{0}) end)"
        ).format(sql.Identifier(c))
        for c in names
    ]
    return sql.SQL(" and ").join(each)
