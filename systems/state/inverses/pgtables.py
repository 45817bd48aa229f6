"""What belongs to a table of Postgres: columns' defaults, constraints, indexes, triggers. What holds rows is not made
again by a statement: for that there is the snapshot."""

from __future__ import annotations

import re

from psycopg import sql

from systems.services import LoadedSystem
from systems.state.inverses.types import Inverse, NoInverse, Sql, Wanted

PART = re.compile(r"(table|view) (.+?): (column|constraint|index|trigger|policy) (.+)")
TABLE = re.compile(r"table ([^:]+)")
ROWS = {
    "row security": ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
    "row security for its owner too": ("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
}
SEQUENCE = re.compile(r"by (?P<by>-?\d+), to (?P<to>-?\d+)(?P<round>, and round again)?")
COLUMN = re.compile(
    r"(?P<type>.*?)(?P<never> not null)?(?: default (?P<default>.+?))?(?P<identity> identity)?", re.S
)
DISABLED = re.compile(r" \((disabled|on replicas|always)\)$")
HOW = {"disabled": "DISABLE", "on replicas": "ENABLE REPLICA", "always": "ENABLE ALWAYS", "": "ENABLE"}
NAME = re.compile(r'((?:"(?:[^"]|"")+"|[^".,])+)\.((?:"(?:[^"]|"")+"|[^".,])+)')


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    found = PART.fullmatch(wanted.what)
    if found is None:
        return _kept(wanted)
    of, table, part, name = found.groups()
    make = {"column": _column, "constraint": _constraint, "index": _index, "trigger": _trigger}.get(part)
    if make is None or of == "view":
        raise NoInverse(f"{wanted.what} is put back by a person or its migration")
    return make(wanted, name_of("table", table), name)


def _kept(wanted: Wanted) -> Inverse:
    """How a table is kept, as far as a statement says it that touches no row: whose it is, and whether rows have
    rules."""
    table = TABLE.fullmatch(wanted.what)
    if table is None or wanted.now is None or wanted.then is None:
        raise NoInverse(_whole(wanted))
    now, then = set(wanted.now.split(", ")), set(wanted.then.split(", "))
    name, steps = name_of("table", table[1]), []
    for word in sorted(now ^ then):
        if word in ROWS:
            on = word in then
            steps.append(sql.SQL("ALTER TABLE {} {}").format(name, sql.SQL(ROWS[word][0 if on else 1])))
        elif word.startswith("owner ") and word in then:
            steps.append(
                sql.SQL("ALTER TABLE {} OWNER TO {}").format(name, sql.Identifier(word[len("owner ") :]))
            )
        elif not word.startswith("owner "):
            raise NoInverse(_whole(wanted))
    return Inverse(tuple(Sql(wanted.component, step, owned=name.as_string(None)) for step in steps))


def sequence(wanted: Wanted) -> Inverse:
    """How far it goes and in which steps; the number it is at stays."""
    found = SEQUENCE.fullmatch(wanted.then or "")
    if wanted.now is None or found is None:
        raise NoInverse(f"{wanted.what} is made or dropped by its migration or a person")
    name = name_of("sequence", wanted.what.removeprefix("sequence "))
    how = [found["by"], found["to"], "CYCLE" if found["round"] else "NO CYCLE"]
    text = sql.SQL("ALTER SEQUENCE {} INCREMENT BY {} MAXVALUE {} {}").format(name, *map(sql.SQL, how))
    return Inverse((Sql(wanted.component, text, owned=name.as_string(None)),))


def _whole(wanted: Wanted) -> str:
    if wanted.now is None:
        return (
            f"{wanted.what} is gone, and what it held with it: no statement brings that back. restore-db takes it from"
            " the snapshot, and counts first what has changed since"
        )
    if wanted.then is None:
        return f"{wanted.what} was not there before: dropping it would lose what it holds; a person decides on that"
    return f"how {wanted.what} is kept is put back by a person or its migration"


def _column(wanted: Wanted, table: sql.Composed, name: str) -> Inverse:
    if wanted.now is None:
        raise NoInverse(f"{wanted.what} is gone with its values: restore-db takes the table from the snapshot, and "
                        "counts first what has changed since")  # fmt: skip
    if wanted.then is None:
        raise NoInverse(
            f"{wanted.what} was not there before: dropping it would lose its values; a person decides on that"
        )
    now, then = COLUMN.fullmatch(wanted.now), COLUMN.fullmatch(wanted.then)
    if now is None or then is None or (now["type"], now["identity"]) != (then["type"], then["identity"]) or (
        "generated as" in wanted.now + wanted.then
    ):  # fmt: skip
        raise NoInverse(
            f"{wanted.what}: its type is put back by a migration, which says what becomes of the values"
        )
    column, parts = sql.Identifier(name), []
    if now["default"] != then["default"]:
        default = sql.SQL("ALTER {} DROP DEFAULT").format(column)
        if then["default"] is not None:
            default = sql.SQL("ALTER {} SET DEFAULT {}").format(column, sql.SQL(then["default"]))
        parts.append(default)
    if now["never"] != then["never"]:
        parts.append(
            sql.SQL("ALTER {} {} NOT NULL").format(column, sql.SQL("SET" if then["never"] else "DROP"))
        )
    if not parts:
        raise NoInverse(f"{wanted.what} is put back by a person or its migration")
    text = sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(parts))
    return Inverse((Sql(wanted.component, text, owned=table.as_string(None)),))


def _constraint(wanted: Wanted, table: sql.Composed, name: str) -> Inverse:
    parts = []
    if wanted.now is not None:
        parts.append(sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(name)))
    if wanted.then is not None:
        parts.append(sql.SQL("ADD CONSTRAINT {} {}").format(sql.Identifier(name), sql.SQL(wanted.then)))
    text = sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(parts))
    return Inverse((Sql(wanted.component, text, owned=table.as_string(None)),))


def _index(wanted: Wanted, table: sql.Composed, name: str) -> Inverse:
    """Beside the writers; one that is left half made is dropped first."""
    if any("(not " in (value or "") for value in (wanted.then,)):
        raise NoInverse(f"{wanted.what} was not valid before: a person decides whether it is wanted")
    steps = []
    schema = table.as_string(None).rpartition(".")[0]
    whole = sql.SQL("{}.{}").format(sql.SQL(schema), sql.Identifier(name))  # quoted above
    drop = sql.SQL("DROP INDEX CONCURRENTLY {}").format(whole)
    if wanted.now is not None:
        steps.append(Sql(wanted.component, drop, slow=True))
    if wanted.then is not None:
        made = re.sub(r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", wanted.then)
        made_again = sql.SQL("{}").format(sql.SQL(made))  # the server's own words
        clear = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(whole)
        steps.append(Sql(wanted.component, made_again, slow=True, else_=clear))
    return Inverse(tuple(steps))


def _trigger(wanted: Wanted, table: sql.Composed, name: str) -> Inverse:
    now, then = (_switch(value) for value in (wanted.now, wanted.then))
    steps = []
    if wanted.now is not None and now[0] != then[0]:
        steps.append(sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(name), table))
    if wanted.then is not None and now[0] != then[0]:
        steps.append(sql.SQL("{}").format(sql.SQL(then[0])))
    if wanted.then is not None and (then[1] != now[1] if now[0] == then[0] else then[1]):
        how = sql.SQL(HOW[then[1]])
        steps.append(sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(table, how, sql.Identifier(name)))
    return Inverse(tuple(Sql(wanted.component, text, owned=table.as_string(None)) for text in steps))


def _switch(value: str | None) -> tuple[str, str]:
    """A trigger's definition, and whether it is switched off or bound to something."""
    found = DISABLED.search(value or "")
    return DISABLED.sub("", value or ""), found[1] if found else ""


def name_of(of: str, text: str) -> sql.Composed:
    """A name of the ledger, quoted: `s.t`, each part quoted where it has to be, or a schema or database as it is."""
    if of in ("schema", "database"):
        return sql.SQL("{}").format(sql.Identifier(text))
    if of == "function":
        found = re.fullmatch(r"(\w+)\.(\w+)\(([\w\s,.\[\]\"]*)\)", text)
        if found is None:
            raise NoInverse(f"the rights of function {text} are put back by a person")
        return sql.SQL("{}({})").format(sql.Identifier(found[1], found[2]), sql.SQL(found[3]))
    found = NAME.fullmatch(text)
    if found is None:
        raise NoInverse(f"{text} is no name of a table")
    return sql.SQL("{}").format(sql.Identifier(_bare(found[1]), _bare(found[2])))


def column_of(text: str) -> tuple[str, str | None]:
    """`s.t, column c` -> the table and the column."""
    table, _, column = text.partition(", column ")
    return table, column or None


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
