"""The database: tables, columns, triggers and sequences after a change that nobody tried before."""

from __future__ import annotations

from typing import Any

from chaos.faults.base import Undo
from chaos.site import Site
from chaos.unknown.base import Sql, ask, run

COLUMN = (
    "SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
    " WHERE a.attrelid = to_regclass('shop.{table}') AND a.attname = '{column}' AND NOT a.attisdropped"
)
DEFAULT = (
    "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a"
    " ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
    " WHERE d.adrelid = 'shop.{table}'::regclass AND a.attname = '{column}'"
)
HIDDEN = 3  # on, and for the owner too
FORCED = (
    "SELECT relrowsecurity::int * 2 + relforcerowsecurity::int FROM pg_class WHERE oid = 'shop.{}'::regclass"
)


class OfTables(Sql):
    kind = "schema"


class SequenceEnds(OfTables):
    """It was made for fewer rows than came."""

    id = "sequence_ends"
    title = "A sequence has given its last number"
    choices = tuple(
        ("postgres", f"{table}_id_seq",
         f"SELECT seqmax FROM pg_sequence WHERE seqrelid = 'shop.{table}_id_seq'::regclass",
         table, f"ALTER SEQUENCE shop.{table}_id_seq MAXVALUE {{}}")
        for table in ("orders", "order_lines")
    )  # fmt: skip

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        last = ask(site, f"SELECT last_value FROM shop.{chosen[1]}")
        run(site, f"ALTER SEQUENCE shop.{chosen[1]} MAXVALUE {last + 5}")

    def is_well(self, now: Any, was: Any) -> bool:
        return bool(now == was) or int(now) > 10_000_000


class LostDefault(OfTables):
    """The column must have a value, and those who write rows leave it to the table."""

    id = "lost_default"
    title = "A column that must have a value has no default any more"
    choices = tuple(
        ("postgres", f"shop.{table}: column {column}", DEFAULT.format(table=table, column=column),
         f"ALTER TABLE shop.{table} ALTER COLUMN {column} DROP DEFAULT",
         f"ALTER TABLE shop.{table} ALTER COLUMN {column} SET DEFAULT {{}}")
        for table, column in (("orders", "created_at"), ("orders", "updated_at"))
    )  # fmt: skip


class RequiredColumn(OfTables):
    """The first half of a change of which the second half is a release that is not out yet."""

    id = "required_column"
    title = "A new column that nobody fills must be filled"
    choices = tuple(
        ("postgres", f"shop.{table}: column {column}", COLUMN.format(table=table, column=column),
         f"ALTER TABLE shop.{table} ADD COLUMN {column} {kind} NOT NULL DEFAULT '{old}';"
         f"ALTER TABLE shop.{table} ALTER COLUMN {column} DROP DEFAULT",
         f"ALTER TABLE shop.{table} DROP COLUMN IF EXISTS {column}")
        for table, column, kind, old in (
            ("orders", "currency", "text", "EUR"), ("orders", "warehouse", "int", "1"),
            ("order_lines", "tax_code", "text", "A"), ("order_lines", "unit", "text", "piece"),
        )
    )  # fmt: skip

    def is_well(self, now: Any, was: Any) -> bool:
        return now is None

    def still_broken(self, site: Site, undo: Undo) -> str:
        table, column = undo["chosen"][1].removeprefix("shop.").split(": column ")
        fills = ask(site, DEFAULT.format(table=table, column=column))
        free = ask(
            site,
            "SELECT NOT attnotnull FROM pg_attribute"
            f" WHERE attrelid = 'shop.{table}'::regclass AND attname = '{column}'",
        )
        return "" if fills or free else super().still_broken(site, undo)


class RowRules(OfTables):
    """Switched on, with no rule that lets anybody see a row."""

    id = "row_rules"
    title = "A table shows its rows to nobody"
    choices = tuple(
        ("postgres", f"shop.{table}", FORCED.format(table),
         f"ALTER TABLE shop.{table} ENABLE ROW LEVEL SECURITY;ALTER TABLE shop.{table} FORCE ROW LEVEL SECURITY",
         f"ALTER TABLE shop.{table} NO FORCE ROW LEVEL SECURITY;ALTER TABLE shop.{table} DISABLE ROW LEVEL SECURITY")
        for table in ("users", "stock", "orders", "products")
    )  # fmt: skip

    def is_well(self, now: Any, was: Any) -> bool:
        return bool(now != HIDDEN)


class Swallows(OfTables):
    """Its author forgot to give the row back."""

    id = "swallowing_trigger"
    title = "A trigger swallows what is written"
    choices = tuple(
        ("postgres", name, f"SELECT count(*) FROM pg_trigger WHERE tgname = '{name}'",
         f"CREATE OR REPLACE FUNCTION shop.{name}() RETURNS trigger LANGUAGE plpgsql AS"
         f" $$ BEGIN NEW.updated_at := now()# RETURN NULL# END $$;"
         f"CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON shop.{table} FOR EACH ROW EXECUTE FUNCTION shop.{name}()",
         f"DROP TRIGGER IF EXISTS {name} ON shop.{table};DROP FUNCTION IF EXISTS shop.{name}()")
        for name, verb, table in (
            ("touch_stock", "UPDATE", "stock"), ("stamp_order", "INSERT", "orders"),
            ("order_stamp", "INSERT OR UPDATE", "orders"),
        )
    )  # fmt: skip

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        run(site, *(statement.replace("#", ";") for statement in chosen[3].split(";")))

    def undo(self, site: Site, undo: Undo) -> None:
        self.restore(site, undo["chosen"], undo["was"])


class MovedTable(OfTables):
    """An archive that took one table too many."""

    id = "moved_table"
    title = "A table lies in another schema"
    choices = tuple(
        ("postgres", f".{table}", f"SELECT to_regclass('shop.{table}') IS NOT NULL",
         f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION app;ALTER TABLE shop.{table} SET SCHEMA {schema}",
         f"ALTER TABLE IF EXISTS {schema}.{table} SET SCHEMA shop;DROP SCHEMA IF EXISTS {schema}")
        for table in ("stock", "users", "order_lines", "coupons") for schema in ("archive", "legacy")
    )  # fmt: skip

    def undo(self, site: Site, undo: Undo) -> None:
        self.restore(site, undo["chosen"], undo["was"])


class OtherType(OfTables):
    """What code does with the old type it cannot do with the new one."""

    id = "other_type"
    title = "A column has another type"
    choices = (
        ("postgres", "shop.stock: column on_hand", COLUMN.format(table="stock", column="on_hand"),
         "ALTER TABLE shop.stock DROP CONSTRAINT stock_on_hand_check, ALTER COLUMN on_hand TYPE text",
         "ALTER TABLE shop.stock ALTER COLUMN on_hand TYPE int USING on_hand::int,"
         " ADD CONSTRAINT stock_on_hand_check CHECK (on_hand >= 0)"),
        ("postgres", "shop.users: column salt", COLUMN.format(table="users", column="salt"),
         "ALTER TABLE shop.users ALTER COLUMN salt TYPE bytea USING convert_to(salt, 'UTF8')",
         "ALTER TABLE shop.users ALTER COLUMN salt TYPE text USING convert_from(salt, 'UTF8')"),
        ("postgres", "shop.users: column email", COLUMN.format(table="users", column="email"),
         "ALTER TABLE shop.users ALTER COLUMN email TYPE bytea USING convert_to(email, 'UTF8')",
         "ALTER TABLE shop.users ALTER COLUMN email TYPE text USING convert_from(email, 'UTF8')"),
    )  # fmt: skip
