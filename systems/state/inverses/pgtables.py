"""What belongs to a table of Postgres: columns' defaults, constraints, indexes, triggers. What holds rows is not made
again by a statement: for that there is the snapshot."""

from __future__ import annotations

import re

from psycopg import sql

from systems.services import LoadedSystem
from systems.state.inverses.types import Counted, Inverse, NoInverse, Sql, Step, Wanted
from systems.state.renamed import is_number

PART = re.compile(r"(table|view) (.+?): (column|constraint|index|trigger|policy|rule) (.+)")
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
TEXT = re.compile(r"text|character varying|varchar|character\b")
CALLED = re.compile(r"(?:table|view) (?P<table>.+?)(?:: column (?P<column>.+))?")
NAME = re.compile(r'((?:"(?:[^"]|"")+"|[^".,])+)\.((?:"(?:[^"]|"")+"|[^".,])+)')


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    if is_number(wanted.what):
        return _named(wanted)
    found = PART.fullmatch(wanted.what)
    if found is None:
        return _kept(wanted)
    of, table, part, name = found.groups()
    make = PARTS.get(part)
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
    return _together(wanted, steps, name.as_string(None))


def _together(wanted: Wanted, texts: list[sql.Composed], owned: str) -> Inverse:
    """All of them or none: what is sent in one message is one transaction."""
    return Inverse((Sql(wanted.component, sql.SQL("; ").join(texts), owned=owned),) if texts else ())


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
    column = sql.Identifier(name)
    if wanted.then is None:
        return _eased(wanted, table, column)
    now, then = COLUMN.fullmatch(wanted.now), COLUMN.fullmatch(wanted.then)
    if now is None or then is None or now["identity"] != then["identity"] or (
        "generated as" in wanted.now + wanted.then
    ):  # fmt: skip
        raise NoInverse(f"{wanted.what} is put back by a migration, which says what becomes of the values")
    parts: list[sql.Composed] = []
    steps: list[Step] = []
    before: list[sql.Composed] = []
    notes: list[str] = []
    other_type = now["type"] != then["type"]
    if now["default"] is not None and (other_type or now["default"] != then["default"]):
        parts.append(sql.SQL("ALTER {} DROP DEFAULT").format(column))
    if other_type:
        into = _cast(column, now["type"], then["type"])
        parts.append(sql.SQL("ALTER {} TYPE {} USING {}").format(column, sql.SQL(then["type"]), into))
        lossy = sql.SQL("FROM {} WHERE {} IS DISTINCT FROM {}").format(
            table, column, _cast(into, then["type"], now["type"])
        )
        words = (
            f"values of {name} would not come through {then['type']} as they are: a person decides about them"
        )
        steps.append(Counted(wanted.component, sql.SQL("SELECT count(*) {}").format(lossy), words))
        before += [sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table), _unless(lossy, words)]
        notes.append("the table is written anew meanwhile, and nobody else reads or writes it; every value is looked at"
                     " under that lock, and one that does not come through leaves all as it is")  # fmt: skip
    if then["default"] is not None and (other_type or now["default"] != then["default"]):
        parts.append(sql.SQL("ALTER {} SET DEFAULT {}").format(column, sql.SQL(then["default"])))
    if now["never"] != then["never"]:
        parts.append(
            sql.SQL("ALTER {} {} NOT NULL").format(column, sql.SQL("SET" if then["never"] else "DROP"))
        )
    if not parts:
        raise NoInverse(f"{wanted.what} is put back by a person or its migration")
    text = sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(parts))
    whole = sql.SQL("; ").join([*before, text])
    change = Sql(wanted.component, whole, slow=other_type, owned=table.as_string(None))
    return Inverse((*steps, change), notes=tuple(notes), rewrites=other_type)


def _unless(rows: sql.Composed, words: str) -> sql.Composed:
    """Fails with these words where there are such rows."""
    block = sql.SQL(
        "BEGIN IF EXISTS (SELECT {}) THEN RAISE EXCEPTION USING MESSAGE = {}; END IF; END"
    ).format(rows, sql.Literal(words))
    return sql.SQL("DO {}").format(sql.Literal(block.as_string(None)))


def _cast(value: sql.Composable, now: str, then: str) -> sql.Composed:
    """A value in another type, by the server's own rules; bytes that stand for text as that text, and back."""
    if now == "bytea" and TEXT.match(then):
        return sql.SQL("convert_from({}, 'UTF8')::{}").format(value, sql.SQL(then))
    if TEXT.match(now) and then == "bytea":
        return sql.SQL("convert_to({}, 'UTF8')").format(value)
    return sql.SQL("{}::{}").format(value, sql.SQL(then))


def _eased(wanted: Wanted, table: sql.Composed, column: sql.Identifier) -> Inverse:
    """A column that was not there before keeps its values, and nobody has to fill it any more."""
    if is_eased(wanted.what, wanted.now, None):
        raise NoInverse(
            f"{wanted.what} was not there before: dropping it would lose its values; a person decides on that"
        )
    text = sql.SQL("ALTER TABLE {} ALTER {} DROP NOT NULL").format(table, column)
    note = "the column stays, with its values: dropping it would lose them. Nobody has to fill it any more"
    return Inverse((Sql(wanted.component, text, owned=table.as_string(None)),), notes=(note,))


def is_eased(what: str, now: str | None, then: str | None) -> bool:
    """Whether it is not as it was, and holds nobody up all the same: a new column that may be left out."""
    found = PART.fullmatch(what)
    if found is None or found[3] != "column" or then is not None or now is None:
        return False
    column = COLUMN.fullmatch(now)
    return bool(
        column and (not column["never"] or column["default"] or column["identity"] or "generated as" in now)
    )


def _named(wanted: Wanted) -> Inverse:
    """Its earlier name and place."""
    now, then = (CALLED.fullmatch(value or "") for value in (wanted.now, wanted.then))
    if now is None or then is None or bool(now["column"]) != bool(then["column"]):
        raise NoInverse(f"{wanted.then or wanted.what} is put back by a person or its migration")
    table = name_of("table", now["table"])
    here, there = _names(now["table"]), _names(then["table"])
    steps = []
    if now["column"]:
        old, new = sql.Identifier(now["column"]), sql.Identifier(then["column"])
        steps.append((table, sql.SQL("RENAME COLUMN {} TO {}").format(old, new)))
    else:
        if here[1] != there[1]:
            steps.append((table, sql.SQL("RENAME TO {}").format(sql.Identifier(there[1]))))
        if here[0] != there[0]:
            moved = sql.SQL("{}").format(sql.Identifier(here[0], there[1]))
            steps.append((moved, sql.SQL("SET SCHEMA {}").format(sql.Identifier(there[0]))))
    texts = [sql.SQL("ALTER TABLE {} {}").format(*step) for step in steps]
    return _together(wanted, texts, table.as_string(None))


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
    return _together(wanted, steps, table.as_string(None))


def _policy(wanted: Wanted, table: sql.Composed, name: str) -> Inverse:
    """The server's own words of it, whole."""
    policy, steps = sql.Identifier(name), []
    if wanted.now is not None:
        steps.append(sql.SQL("DROP POLICY {} ON {}").format(policy, table))
    if wanted.then is not None:
        steps.append(sql.SQL("CREATE POLICY {} ON {} {}").format(policy, table, sql.SQL(wanted.then)))
    return _together(wanted, steps, table.as_string(None))


def _rule(wanted: Wanted, table: sql.Composed, name: str) -> Inverse:
    steps = []
    if wanted.now is not None:
        steps.append(sql.SQL("DROP RULE {} ON {}").format(sql.Identifier(name), table))
    if wanted.then is not None:
        steps.append(sql.SQL("{}").format(sql.SQL(wanted.then)))
    return _together(wanted, steps, table.as_string(None))


PARTS = {
    "column": _column, "constraint": _constraint, "index": _index, "trigger": _trigger, "policy": _policy,
    "rule": _rule,
}  # fmt: skip


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
    return sql.SQL("{}").format(sql.Identifier(*_names(text)))


def column_of(text: str) -> tuple[str, str | None]:
    """`s.t, column c` -> the table and the column."""
    table, _, column = text.partition(", column ")
    return table, column or None


def _names(table: str) -> tuple[str, str]:
    found = NAME.fullmatch(table)
    if found is None:
        raise NoInverse(f"{table} is no name of a table")
    return _bare(found[1]), _bare(found[2])


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
