"""Postgres: settings, roles, rights, what belongs to tables, rows of tables of settings, as the statements that make
them what they were. Names of the ledger are taken apart and quoted anew; nothing of them is run as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

from psycopg import sql

from systems.services import LoadedSystem
from systems.state import originals
from systems.state.inverses import pgrules, pgtables
from systems.state.inverses.pgstarts import STARTS
from systems.state.inverses.types import EndSessions, Inverse, NoInverse, Sql, Step, Wanted

WAITS = "another value"  # in the words of the source: written, and not in effect
OF_ONE = re.compile(r"(?:role (?P<role>.+?))?(?: in )?(?:database (?P<database>.+?))?: (?P<name>[\w.]+)")
LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
         "temp_tablespaces", "unix_socket_directories")  # fmt: skip
ATTRIBUTES = {
    "login": ("LOGIN", "NOLOGIN"),
    "superuser": ("SUPERUSER", "NOSUPERUSER"),
    "creates roles": ("CREATEROLE", "NOCREATEROLE"),
    "creates databases": ("CREATEDB", "NOCREATEDB"),
    "replication": ("REPLICATION", "NOREPLICATION"),
    "past row security": ("BYPASSRLS", "NOBYPASSRLS"),
    "no inherit": ("NOINHERIT", "INHERIT"),
}


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    for area, make in AREAS.items():
        if wanted.area == area or (area.endswith(" ") and wanted.area.startswith(area)):
            return make(system, wanted)
    raise NoInverse(f"{wanted.area} of a database are put back by a person, in its configuration")


def _settings(system: LoadedSystem, wanted: Wanted) -> Inverse:
    found = OF_ONE.fullmatch(wanted.what)
    if wanted.then == WAITS:
        raise NoInverse(f"what was written of {wanted.what} and waited for a start is not kept")
    if found is None:
        name = sql.SQL(".").join(map(sql.Identifier, wanted.what.split(".")))
        text = sql.SQL("ALTER SYSTEM SET {} = {}").format(name, _value(wanted.what, wanted.then))
        if wanted.then is None:
            text = sql.SQL("ALTER SYSTEM RESET {}").format(name)
        read = sql.SQL("SELECT pg_reload_conf()").format()
        starts = (
            loads(system, wanted.component, wanted.area, wanted.what) if wanted.now != wanted.then else {}
        )
        steps = Sql(wanted.component, text, parameter=wanted.what), Sql(wanted.component, read)
        return Inverse(steps, starts)
    role, database, one = found["role"], found["database"], sql.Identifier(found["name"])
    parts = [sql.SQL("ALTER ROLE {}").format(sql.Identifier(role))] if role else []
    if database:
        parts.append(
            sql.SQL("IN DATABASE {}" if role else "ALTER DATABASE {}").format(sql.Identifier(database))
        )
    if wanted.then is None:
        parts.append(sql.SQL("RESET {}").format(one))
    else:
        parts.append(sql.SQL("SET {} = {}").format(one, _value(found["name"], wanted.then)))
    whole = sql.SQL(" ").join(parts)
    ends = EndSessions(wanted.component, role, database, wanted.since)
    note = "it holds for new sessions: those that are at work now keep the value until they end"
    return Inverse((Sql(wanted.component, whole), ends), notes=(note,))


def loads(system: LoadedSystem, component: str, area: str, what: str) -> dict[str, str]:
    """What only a start brings into effect takes one; who cannot be started by us waits for somebody else's."""
    ours = system.service(component).unit is not None
    return {component: "restart"} if ours and area == "settings" and what in STARTS else {}


def _value(name: str, value: str | None) -> sql.Composable:
    """A value as a literal; one that is a list item by item, or it would be one item."""
    if value is None or name not in LISTS:
        return sql.Literal(value)
    items = [item.strip().strip('"') for item in value.split(",")]
    return sql.SQL(", ").join(map(sql.Literal, items))


def _databases(wanted: Wanted) -> Inverse:
    name, _, what = wanted.what.removeprefix("database ").partition(": ")
    if wanted.now is None or wanted.then is None:
        raise NoInverse(f"{wanted.what} is made or dropped by a person")
    database, words = sql.Identifier(name), []
    if what == "connection limit":
        words = [sql.SQL("CONNECTION LIMIT {}").format(_limit(wanted.then))]
    elif not what:
        now, then = set(wanted.now.split(", ")), set(wanted.then.split(", "))
        words = [sql.SQL("OWNER TO {}").format(sql.Identifier(w.removeprefix("owner "))) for w in then - now
                 if w.startswith("owner ")]  # fmt: skip
        if "nobody may connect" in now ^ then:
            words.append(
                sql.SQL("ALLOW_CONNECTIONS {}").format(sql.Literal("nobody may connect" not in then))
            )
    if not words:
        raise NoInverse(f"{wanted.what} is put back by a person")
    texts = [sql.SQL("ALTER DATABASE {} {}").format(database, word) for word in words]
    return Inverse(tuple(Sql(wanted.component, text, shared=True) for text in texts))


def _limit(value: str) -> sql.Literal:
    return sql.Literal(-1 if value == "none" else int(value))


def _roles(system: LoadedSystem, wanted: Wanted) -> Inverse:
    if wanted.what.startswith("database "):
        return _databases(wanted)
    if found := re.fullmatch(r"role (.+): member of (.+)", wanted.what):
        return Inverse((Sql(wanted.component, _member(found[1], found[2], wanted), shared=True),))
    role, _, what = wanted.what.removeprefix("role ").partition(": ")
    name = sql.Identifier(role)
    if wanted.then is None or wanted.now is None:
        gone = (
            "was dropped: its password and rights went with it"
            if wanted.now is None
            else "was not there before"
        )
        raise NoInverse(f"role {role} {gone}; a person or its migration makes or drops it")
    if not what:
        now, then = set(wanted.now.split(", ")), set(wanted.then.split(", "))
        words = [
            on if key in then else off
            for key, (on, off) in ATTRIBUTES.items()
            if (key in now) != (key in then)
        ]
        text = sql.SQL("ALTER ROLE {} {}").format(name, sql.SQL(" ").join(map(sql.SQL, words)))
    elif what == "connection limit":
        text = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(name, _limit(wanted.then))
    elif what == "valid until":
        until = "infinity" if wanted.then == "for ever" else wanted.then
        text = sql.SQL("ALTER ROLE {} VALID UNTIL {}").format(name, sql.Literal(until))
    else:
        raise NoInverse(f"{wanted.what} is put back by a person")
    return Inverse((Sql(wanted.component, text, shared=True),))


def _grants(system: LoadedSystem, wanted: Wanted) -> Inverse:
    found = re.fullmatch(r"(table|view|sequence|schema|database|function) (.+): rights of (.+)", wanted.what)
    if found is None:
        raise NoInverse(f"{wanted.what}: such rights are put back by a person")
    of, thing, who = found[1], *pgtables.column_of(found[2])[:1], found[3]
    column = pgtables.column_of(found[2])[1]
    place = sql.SQL("{} {}").format(sql.SQL(_WORD[of]), pgtables.name_of(of, thing))
    grantee = sql.SQL("PUBLIC") if who == "everybody" else sql.Identifier(who)
    now, then = _rights(wanted.now), _rights(wanted.then)
    steps: list[Step] = []
    for privilege in sorted(now - then):
        what = _privilege(privilege[0], column)
        steps.append(Sql(wanted.component, sql.SQL("REVOKE {} ON {} FROM {}").format(what, place, grantee)))
    for privilege in sorted(then - now):
        tail = sql.SQL(" WITH GRANT OPTION" if privilege[1] else "")
        what = _privilege(privilege[0], column)
        steps.append(
            Sql(wanted.component, sql.SQL("GRANT {} ON {} TO {}{}").format(what, place, grantee, tail))
        )
    return Inverse(tuple(steps))


_WORD = {"table": "TABLE", "view": "TABLE", "sequence": "SEQUENCE", "schema": "SCHEMA", "database": "DATABASE",
         "function": "FUNCTION"}  # fmt: skip
KNOWN = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE",
                   "CREATE", "CONNECT", "TEMPORARY", "EXECUTE"})  # fmt: skip


def _privilege(name: str, column: str | None) -> sql.Composed:
    word = sql.SQL(name)  # one of KNOWN
    return sql.SQL("{} ({})").format(word, sql.Identifier(column)) if column else sql.SQL("{}").format(word)


def _rights(value: str | None) -> set[tuple[str, bool]]:
    found = set()
    for word in (value or "").split(", "):
        name = word.removesuffix(" (may pass on)")
        if word and name not in KNOWN:
            raise NoInverse(f"the right {name} is put back by a person")
        if word:
            found.add((name, name != word))
    return found


def _member(role: str, of: str, wanted: Wanted) -> sql.Composed:
    group, name = sql.Identifier(of), sql.Identifier(role)
    if wanted.then is None:
        return sql.SQL("REVOKE {} FROM {}").format(group, name)
    if wanted.then == "member" and wanted.now is not None:
        return sql.SQL("REVOKE ADMIN OPTION FOR {} FROM {}").format(group, name)
    tail = sql.SQL(" WITH ADMIN OPTION" if wanted.then == "with admin option" else "")
    return sql.SQL("GRANT {} TO {}{}").format(group, name, tail)


def _rows(system: LoadedSystem, wanted: Wanted) -> Inverse:
    """One column of one row, and only where it still is as it is now."""
    named = wanted.area.removeprefix("rows of ")
    service = system.service(wanted.component)
    spec = next((t for t in (service.state.tables if service.state else []) if t.table == named), None)
    if spec is None or service.postgres is None:
        raise NoInverse(f"the manifest names no settings in {named} any more")
    if wanted.now is None or wanted.then is None:
        gone = (
            "is gone, and what else stood in it is not kept" if wanted.now is None else "was not there before"
        )
        raise NoInverse(f"a row of {named} {gone}: a person, or restore-db with the table from the snapshot")
    key, _, column = wanted.what.removeprefix(f"{named} ").rpartition(": ") if len(spec.columns) > 1 else (
        wanted.what.removeprefix(f"{named} "), "", spec.columns[0])  # fmt: skip
    if column not in spec.columns:
        raise NoInverse(f"{column} of {named} is not among the columns that the manifest names")
    table = sql.Identifier(*(named if "." in named else f"{service.postgres.db_schema}.{named}").split("."))
    text = sql.SQL("UPDATE {} SET {} = {} WHERE {}::text = {} AND {}::text = {}").format(
        table, sql.Identifier(column), sql.Literal(wanted.then), sql.Identifier(spec.key), sql.Literal(key),
        sql.Identifier(column), sql.Literal(wanted.now))  # fmt: skip
    return Inverse((Sql(wanted.component, text, rows=1),))


def _tables(system: LoadedSystem, wanted: Wanted) -> Inverse:
    if re.fullmatch(r"view [^:]+", wanted.what):
        return Inverse((made_again(system, wanted),))
    return pgtables.inverse(system, wanted)


def _objects(system: LoadedSystem, wanted: Wanted) -> Inverse:
    if wanted.what.startswith("function "):
        return Inverse((made_again(system, wanted),))
    if wanted.what.startswith("sequence "):
        return pgtables.sequence(wanted)
    raise NoInverse(f"{wanted.what} is made or dropped by its migration or a person")


def made_again(system: LoadedSystem, wanted: Wanted) -> Sql:
    """A function or view by the text that the server itself gave of it, in the place of the one that is there: whose it
    is and who may use it stays so."""
    if wanted.now is None or wanted.then is None:
        gone = "is gone, and with it who may use it" if wanted.now is None else "was not there before"
        raise NoInverse(f"{wanted.what} {gone}: its migration, or whoever made it, puts that right")
    area = wanted.component, wanted.area
    text = originals.find(system, area, wanted.what, wanted.then)
    if text is None:
        raise NoInverse(
            f"of {wanted.what} only a fingerprint is kept, not its text: its migration or release makes it anew"
        )
    return Sql(wanted.component, sql.SQL("{}").format(sql.SQL(text)))


AREAS: dict[str, Callable[[LoadedSystem, Wanted], Inverse]] = {
    "settings": _settings,
    "roles": _roles,
    "grants": _grants,
    "tables": _tables,
    "objects": _objects,
    "rows of ": _rows,
    "login rules": pgrules.inverse,
}
