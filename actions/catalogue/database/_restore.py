"""Putting single tables back from a snapshot, in one transaction, and taking that back. Nothing is dropped: what is
replaced moves to a schema of its own, and other tables keep their rows."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from actions import tables
from actions.base import ActionFailed
from actions.snapshots import Entry, Snapshot
from actions.tables import Judged, Session

MAKE = ("TABLE", "SEQUENCE OWNED BY", "DEFAULT")
FINISH = ("CONSTRAINT", "INDEX", "TRIGGER", "ACL", "COMMENT")
KEYS = """
select c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), c.conrelid = c.confrelid
from pg_constraint c join pg_class t on t.oid in (c.conrelid, c.confrelid)
join pg_namespace s on s.oid = t.relnamespace
where c.contype = 'f' and s.nspname = %s and t.relname = %s
"""


def foreign_keys(session: Session, schema: str, table: str) -> list[list[str]]:
    """[table, name, definition] of the foreign keys from and to a table."""
    session.execute("set search_path = ''")
    rows = session.execute(KEYS, [schema, table]).fetchall()
    session.execute("reset search_path")
    return [[str(r[0]), str(r[1]), str(r[2])] for r in rows]


def apply(session: Session, snapshot: Snapshot, plan: list[Judged], aside: str) -> dict[str, int]:
    """Rows that came back, by table. All or nothing."""
    with session.transaction():
        session.execute("set local search_path = ''")
        session.execute("set local check_function_bodies = false")
        session.execute(sql.SQL("create schema {}").format(sql.Identifier(aside)))
        again = [item for item in plan if item.state in ("missing", "damaged")]
        for item in again:
            if item.state == "damaged":
                _set_aside(session, snapshot.schema, item.table, aside)
        back = {item.table: _make(session, snapshot, item.table) for item in again}
        for item in again:
            for entry in snapshot.of(item.table, *FINISH):
                session.execute(entry.sql)
        back |= _insert_back(session, snapshot, [i.table for i in plan if i.state == "emptied"], aside)
        for entry in _keys_of(snapshot, [item.table for item in again]):
            _add_key(session, entry)
        _views(session, snapshot, moved=any(item.state == "damaged" for item in again))
        for item in plan:
            _sequences(session, snapshot.schema, item.table)
    return back


def _set_aside(session: Session, schema: str, table: str, aside: str) -> None:
    """Its indexes, constraints and sequences move with it; foreign keys are taken off and are in the undo record."""
    for owner, name, _ in foreign_keys(session, schema, table):
        session.execute(
            sql.SQL("alter table {} drop constraint if exists {}").format(
                sql.SQL(owner), sql.Identifier(name)
            )
        )
    session.execute("set local search_path = ''")
    session.execute(
        sql.SQL("alter table {} set schema {}").format(sql.Identifier(schema, table), sql.Identifier(aside))
    )


def _make(session: Session, snapshot: Snapshot, table: str) -> int:
    """The table with its sequences, defaults and rows, not yet its keys."""
    owned, made = snapshot.sequences(table), []
    identity = {e.name for e in snapshot.of(table, "SEQUENCE")}
    for entry in snapshot.entries:
        mine = entry.kind in MAKE and entry in snapshot.of(table, *MAKE)
        if entry.kind == "SEQUENCE" and entry.name in owned:
            # one that outlived its table goes on counting where it is
            if entry.name not in identity and _exists(session, snapshot.schema, entry.name):
                continue
            made.append(entry.name)
            mine = True
        if mine:
            session.execute(entry.sql)
    rows = _copy(session, snapshot, table)
    for entry in snapshot.of_kind("SEQUENCE SET"):
        if entry.name in made:
            session.execute(entry.sql)
    return rows


def _copy(session: Session, snapshot: Snapshot, table: str) -> int:
    entry = snapshot.data(table)
    return copied(session, snapshot, entry) if entry is not None else 0


def copied(session: Session, snapshot: Snapshot, entry: Entry) -> int:
    with session.cursor() as cursor:
        with cursor.copy(entry.sql.rstrip().rstrip(";")) as copy:
            for block in snapshot.lines(entry):
                copy.write(block)
        return cursor.rowcount


def _insert_back(session: Session, snapshot: Snapshot, names: list[str], aside: str) -> dict[str, int]:
    """Rows whose key is not there. A table whose rows need those of another waits for it."""
    done: dict[str, int] = {}
    while left := [name for name in names if name not in done]:
        problem = ""
        for name in left:
            try:
                with session.transaction():
                    done[name] = _insert(session, snapshot, name, aside)
            except psycopg.errors.ForeignKeyViolation as error:
                problem = str(error).splitlines()[0]
        if len(left) == len([name for name in names if name not in done]):
            raise ActionFailed(f"rows of {', '.join(left)} need rows that are not there: {problem}")
    return done


def _insert(session: Session, snapshot: Snapshot, table: str, aside: str) -> int:
    names, key = snapshot.columns(table), snapshot.key(table) or snapshot.columns(table)
    target = sql.Identifier(snapshot.schema, table)
    # the rows in their own types: a table like this one takes the snapshot's lines
    kept = sql.Identifier(aside, table)
    session.execute(sql.SQL("create table {} (like {})").format(kept, target))
    entry = snapshot.data(table)
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    if entry is not None:
        with (
            session.cursor() as cursor,
            cursor.copy(sql.SQL("copy {} ({}) from stdin").format(kept, listed)) as copy,
        ):
            for block in snapshot.lines(entry):
                copy.write(block)
    same = _same(key, bool(snapshot.key(table)))
    session.execute(
        sql.SQL("delete from {} k where exists (select 1 from {} n where {})").format(kept, target, same)
    )
    query = sql.SQL("insert into {} ({}) overriding system value select {} from {}")
    return session.execute(query.format(target, listed, listed, kept)).rowcount


def _same(key: list[str], never_null: bool) -> sql.Composed:
    each = "n.{0} = k.{0}" if never_null else "n.{0} is not distinct from k.{0}"
    return sql.SQL(" and ").join(sql.SQL(each).format(sql.Identifier(c)) for c in key)


def _keys_of(snapshot: Snapshot, names: list[str]) -> list[Entry]:
    found = [e for t in names for e in [*snapshot.of(t, "FK CONSTRAINT"), *snapshot.pointing_at(t)]]
    return list({id(e): e for e in found}.values())


def _add_key(session: Session, entry: Entry) -> None:
    """A foreign key that is not there. Where newer rows point at what nobody has any more, it holds for new rows."""
    for text in (entry.sql, re.sub(r";\s*$", " NOT VALID;", entry.sql)):
        try:
            with session.transaction():
                session.execute(text)
        except psycopg.errors.ForeignKeyViolation:
            continue
        except (psycopg.errors.DuplicateObject, psycopg.errors.UndefinedTable):
            pass  # there already; or of a table that is missing and not asked for
        return


def _views(session: Session, snapshot: Snapshot, *, moved: bool) -> None:
    """Views that fell with a table, or still look at the one that was set aside."""
    for entry in snapshot.of_kind("VIEW"):
        if not moved and _exists(session, snapshot.schema, entry.name):
            continue
        text = entry.sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
        try:
            with session.transaction():
                session.execute(text)
        except psycopg.errors.UndefinedTable:
            continue


def _exists(session: Session, schema: str, name: str) -> bool:
    row = session.execute(
        "select 1 from pg_class c join pg_namespace s on s.oid = c.relnamespace"
        " where s.nspname = %s and c.relname = %s",
        [schema, name],
    ).fetchone()
    return row is not None


def _sequences(session: Session, schema: str, table: str) -> None:
    """No sequence gives a number that a row has."""
    for column in tables.columns(session, schema, table):
        row = session.execute(
            "select pg_get_serial_sequence(format('%%I.%%I', %s::text, %s::text), %s)",
            [schema, table, column],
        ).fetchone()
        if not row or not row[0]:
            continue
        query = sql.SQL(
            "select setval({0}::regclass, greatest(max({1}), pg_sequence_last_value({0}::regclass)))"
            " from {2} having max({1}) is not null"
        )
        session.execute(
            query.format(sql.Literal(row[0]), sql.Identifier(column), sql.Identifier(schema, table))
        )


def take_back(session: Session, schema: str, undo: dict[str, Any]) -> None:
    """Restored tables move to a schema of their own (rows written meanwhile with them), replaced ones come back, and
    rows that were put back go. Safe to repeat: with the schema gone it is done."""
    aside, undone = str(undo["aside"]), f"{undo['aside']}_undone"
    with session.transaction():
        gone = session.execute("select 1 from pg_namespace where nspname = %s", [aside]).fetchone() is None
        if gone:
            return
        kept = tables.present(session, aside)
        session.execute(sql.SQL("create schema {}").format(sql.Identifier(undone)))
        for table, state in undo["tables"].items():
            if state == "emptied":
                _delete_again(session, schema, aside, table, list(undo["keys"][table]))
                continue
            _set_aside(session, schema, table, undone)
            if table in kept:
                session.execute(
                    sql.SQL("alter table {} set schema {}").format(
                        sql.Identifier(aside, table), sql.Identifier(schema)
                    )
                )
        for owner, name, text in undo["foreign"]:
            add = sql.SQL("alter table {} add constraint {} {}")
            _add_key(
                session,
                Entry(
                    "FK",
                    name,
                    add.format(sql.SQL(owner), sql.Identifier(name), sql.SQL(text)).as_string(session) + ";",
                ),
            )
        session.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(aside)))


def newer_than(session: Session, schema: str, undo: dict[str, Any]) -> dict[str, int | None]:
    """By table: rows that `take_back` would take out of use and the replaced table has not; None = not countable.
    Of a table that was only filled up, none: what comes out again had come from the snapshot."""
    aside, found = str(undo["aside"]), dict[str, int | None]()
    there, kept = tables.present(session, schema), tables.present(session, aside)
    for table, state in undo["tables"].items():
        if state == "emptied" or table not in there:
            found[table] = 0
            continue
        old = set(tables.columns(session, aside, table)) if table in kept else set()
        shared = [c for c in tables.columns(session, schema, table) if c in old]
        if not shared:
            found[table] = tables.count(session, schema, table)
            continue
        names = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in shared)
        query = sql.SQL("select count(*) from (select {0} from {1} except all select {0} from {2}) newer")
        new = query.format(names, sql.Identifier(schema, table), sql.Identifier(aside, table))
        try:
            row = session.execute(new).fetchone()
        except psycopg.Error:  # it may be the damaged one that cannot be read
            row = None
        found[table] = int(row[0]) if row else None
    return found


def _delete_again(session: Session, schema: str, aside: str, table: str, key: list[str]) -> None:
    same = _same(key, False)
    query = sql.SQL("delete from {} n using {} k where {}")
    session.execute(query.format(sql.Identifier(schema, table), sql.Identifier(aside, table), same))
