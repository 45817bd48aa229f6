"""What is settled in a Postgres server, as questions to its catalogues that a member of pg_monitor may ask.

Each file of sql/ gives rows (what, value, kind, parent, coming, hidden, ends): `hidden` is a hash of what is too long
to show, `ends` epoch seconds. None of them locks a table, and none reads one that is not a catalogue."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from systems.manifest.settled import StateTable

MOST = 5000  # rows of one question
MOST_ROWS = 200  # of a table of settings
SECTIONS = ("settings", "roles", "grants", "tables", "objects")
LOGIN_RULES = "login rules"


Question = sql.SQL | sql.Composed


def text(name: str) -> sql.SQL:
    """A file of sql/."""
    return sql.SQL((Path(__file__).parent / f"sql/{name.replace(' ', '_')}.sql").read_text("utf-8"))


def of_database(name: str, database: str) -> sql.Composed:
    """The same of another database than the one that is asked."""
    before, *after = (
        (Path(__file__).parent / f"sql/{name}.sql").read_text("utf-8").split("current_database()")
    )
    parts: list[sql.Composable] = [sql.SQL(before)]
    for text in after:
        parts += [sql.Literal(database), sql.SQL(text)]
    return sql.Composed(parts)


def asked(question: Question, known: str | None) -> sql.Composed:
    """A question whose answer comes only when its hash is another than `known`."""
    return text("ask").format(known=sql.Literal(known), question=question, most=sql.Literal(MOST))


def table(spec: StateTable, schema: str) -> sql.Composed:
    """The allowed columns of a table of settings, row by row; `schema` is its default."""
    name = sql.Identifier(*(spec.table if "." in spec.table else f"{schema}.{spec.table}").split("."))
    parts = [
        sql.SQL(
            "select {name} || {key}::text || {label} as what, {column}::text as value, 'data' as kind, '' as parent,"
            " null::text as coming, null::text as hidden, null::float8 as ends from"
            " (select * from {table} limit {most}) t"
        ).format(
            name=sql.Literal(f"{spec.table} "),
            key=sql.Identifier(spec.key),
            label=sql.Literal("" if len(spec.columns) == 1 else f": {column}"),
            column=sql.Identifier(column),
            table=name,
            most=sql.Literal(MOST_ROWS),
        )
        for column in spec.columns
    ]
    return sql.SQL(" union all ").join(parts)
