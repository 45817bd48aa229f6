"""The database: who may do what, how often and for how long."""

from __future__ import annotations

from typing import Any

from chaos.site import Site
from chaos.unknown.base import Sql, ask, run

# The value that a role, a database or both set for a session that begins.
OF = (
    "SELECT o.option_value FROM pg_db_role_setting s, pg_options_to_table(s.setconfig) o"
    " WHERE s.setrole = {role} AND s.setdatabase = {database} AND o.option_name = '{name}'"
)
APP, SHOP = "'app'::regrole", "(SELECT oid FROM pg_database WHERE datname = 'shop')"


def setting(whose: str, name: str, value: str) -> tuple[str, ...]:
    """`whose`: as in ALTER ... SET."""
    role = APP if "ROLE app" in whose else "0"
    database = SHOP if "DATABASE shop" in whose else "0"
    return (
        "postgres", name, OF.format(role=role, database=database, name=name),
        f"ALTER {whose} SET {name} = {value}", f"ALTER {whose} RESET {name}",
    )  # fmt: skip


class RoleSetting(Sql):
    """What every session of the shop begins with, and has until it ends."""

    kind = "role"

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        super().restore(site, chosen, was)
        run(site, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")


class ReadOnly(RoleSetting):
    """As somebody does before a migration, and forgets."""

    id = "reads_only"
    title = "The shop's sessions may only read"
    choices = tuple(
        setting(whose, "default_transaction_read_only", "on")
        for whose in ("ROLE app", "ROLE app IN DATABASE shop", "DATABASE shop")
    )


class ShortSessions(RoleSetting):
    """Meant in seconds, taken in milliseconds."""

    id = "short_sessions"
    title = "What the shop's sessions may take is cut to next to nothing"
    choices = tuple(
        setting(whose, name, value)
        for whose in ("ROLE app", "DATABASE shop")
        for name, value in (("transaction_timeout", "'1ms'"), ("idle_session_timeout", "'1ms'"))
    )


class Encoding(RoleSetting):
    """Text then comes as bytes, which no page can show."""

    id = "client_encoding"
    title = "The shop's sessions speak another encoding"
    choices = tuple(
        setting(whose, "client_encoding", "'SQL_ASCII'")
        for whose in ("ROLE app", "ROLE app IN DATABASE shop", "DATABASE shop")
    )


class MissingLibrary(RoleSetting):
    """A session that cannot load what it is told to load does not begin."""

    id = "missing_library"
    title = "The shop's sessions load a library that is not installed"
    choices = tuple(
        setting("ROLE app", f"{when}_preload_libraries", f"'{library}'")
        for when in ("session", "local")
        for library in ("pg_stat_monitor", "pgaudit", "pg_hint_plan")
    )


class NoLogin(Sql):
    id = "no_login"
    title = "The shop's role may not log in any more"
    kind = "role"
    choices = (
        ("postgres", "role app", "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'app'",
         "ALTER ROLE app NOLOGIN", "ALTER ROLE app LOGIN"),
    )  # fmt: skip


class PasswordEnds(Sql):
    """Nothing happens when it is written; sessions that begin from then on are refused."""

    id = "password_ends"
    title = "The password of the shop's role has run out"
    kind = "role"
    choices = tuple(
        ("postgres", "role app: valid until",
         "SELECT coalesce(rolvaliduntil::text, 'infinity') FROM pg_roles WHERE rolname = 'app'",
         f"ALTER ROLE app VALID UNTIL '{until}'",
         # no ALTER ROLE takes the date away again
         "UPDATE pg_authid SET rolvaliduntil = nullif('{}', 'infinity')::timestamptz WHERE rolname = 'app'")
        for until in ("yesterday", "2026-01-01", "1970-01-01")
    )  # fmt: skip

    def is_well(self, now: Any, was: Any) -> bool:
        return bool(now == was) or str(now) > "2027"


class FewForAll(Sql):
    """Of the whole database, those who look after it included."""

    id = "few_for_all"
    title = "The database takes hardly any sessions"
    kind = "limit"
    choices = tuple(
        ("postgres", "database shop: connection limit",
         "SELECT datconnlimit FROM pg_database WHERE datname = 'shop'",
         f"ALTER DATABASE shop CONNECTION LIMIT {limit}", "ALTER DATABASE shop CONNECTION LIMIT {}")
        for limit in (1, 2, 3)
    )  # fmt: skip

    def is_well(self, now: Any, was: Any) -> bool:
        return bool(now == was) or int(now) == -1 or int(now) >= 30


class WideRevoke(Sql):
    """One level above the tables, on which everything is as it was."""

    id = "wide_revoke"
    title = "The shop's role may not use what its tables lie in"
    kind = "grant"
    choices = (
        ("postgres", "schema shop", "SELECT has_schema_privilege('app', 'shop', 'USAGE')",
         "REVOKE USAGE ON SCHEMA shop FROM app", "GRANT USAGE ON SCHEMA shop TO app"),
        ("postgres", "database shop", "SELECT has_database_privilege('app', 'shop', 'CONNECT')",
         "REVOKE CONNECT ON DATABASE shop FROM app", "GRANT CONNECT ON DATABASE shop TO app"),
    )  # fmt: skip


class SomeColumns(Sql):
    """What a table's owner may read of it is cut down to columns, of which some are forgotten."""

    id = "some_columns"
    title = "The shop's role may read some columns of a table only"
    kind = "grant"
    choices = tuple(
        ("postgres", f"shop.{table}: rights of app", f"SELECT has_table_privilege('app', 'shop.{table}', 'SELECT')",
         f"REVOKE SELECT ON shop.{table} FROM app;GRANT SELECT ({columns}) ON shop.{table} TO app",
         f"REVOKE SELECT ({columns}) ON shop.{table} FROM app;GRANT SELECT ON shop.{table} TO app")
        for table, columns in (("users", "email, name"), ("stock", "product_id, updated_at"),
                               ("orders", "id, email, created_at"))
    )  # fmt: skip

    def undo(self, site: Site, undo: Any) -> None:
        """Also where the table is back and the columns' own grants are not."""
        table = undo["chosen"][1].split(":")[0]
        left = ask(site, f"SELECT count(attacl) FROM pg_attribute WHERE attrelid = '{table}'::regclass")
        if left or self.look(site, undo["chosen"]) != undo["was"]:
            self.restore(site, undo["chosen"], undo["was"])


class OtherOwner(Sql):
    """A table that was restored by somebody else belongs to somebody else."""

    id = "other_owner"
    title = "A table belongs to another role"
    kind = "schema"
    choices = tuple(
        ("postgres", f"shop.{table}",
         f"SELECT tableowner FROM pg_tables WHERE schemaname = 'shop' AND tablename = '{table}'",
         f"ALTER TABLE shop.{table} OWNER TO postgres", f"ALTER TABLE shop.{table} OWNER TO {{}}")
        for table in ("stock", "users", "orders", "order_lines", "coupons")
    )  # fmt: skip
