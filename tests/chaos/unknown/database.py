"""What a migration that went wrong, or a hasty administrator, leaves in a database."""

from __future__ import annotations

from typing import Any

from chaos.alterations import Alteration, Touched
from chaos.faults.base import Undo
from chaos.site import Site

SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"


def run(site: Site, *statements: str) -> None:
    with site.superuser() as db:
        for statement in statements:
            db.execute(statement)


def ask(site: Site, question: str) -> Any:
    with site.superuser() as db:
        row = db.execute(question).fetchone()
    return None if row is None else row[0]


class Revoked(Alteration):
    id = "revoked"
    title = "A right on a table is gone"
    components = ("postgres",)
    choices = (("stock", "UPDATE"), ("orders", "INSERT"))

    def inverse(self, site: Site, seed: int) -> Undo:
        table, right = self.choices[seed % 2]
        return {"table": table, "right": right}

    def apply(self, site: Site, undo: Undo) -> None:
        run(site, f"REVOKE {undo['right']} ON shop.{undo['table']} FROM app")

    def undo(self, site: Site, undo: Undo) -> None:
        run(site, f"GRANT {undo['right']} ON shop.{undo['table']} TO app")

    def still_broken(self, site: Site, undo: Undo) -> str:
        question = f"SELECT has_table_privilege('app', 'shop.{undo['table']}', '{undo['right']}')"
        return "" if ask(site, question) else f"app may not {undo['right']} on {undo['table']}"

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("postgres", "grant", undo["table"])]


class Renamed(Alteration):
    id = "renamed"
    title = "A column has another name"
    components = ("postgres",)
    choices = (("products", "description", "details"), ("orders", "status", "state"))

    def inverse(self, site: Site, seed: int) -> Undo:
        table, old, new = self.choices[seed % 2]
        return {"table": table, "old": old, "new": new}

    def apply(self, site: Site, undo: Undo) -> None:
        run(site, f"ALTER TABLE shop.{undo['table']} RENAME COLUMN {undo['old']} TO {undo['new']}")

    def undo(self, site: Site, undo: Undo) -> None:
        if self.still_broken(site, undo):
            run(site, f"ALTER TABLE shop.{undo['table']} RENAME COLUMN {undo['new']} TO {undo['old']}")

    def still_broken(self, site: Site, undo: Undo) -> str:
        question = (
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'shop'"
            f" AND table_name = '{undo['table']}' AND column_name = '{undo['old']}'"
        )
        return "" if ask(site, question) else f"{undo['table']} has no column {undo['old']}"

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("postgres", "schema", undo["table"])]


class Constrained(Alteration):
    id = "constrained"
    title = "A constraint that no new row keeps"
    components = ("postgres",)
    choices = (("orders", "total > 1000000"), ("order_lines", "qty > 100"))

    def inverse(self, site: Site, seed: int) -> Undo:
        table, rule = self.choices[seed % 2]
        return {"table": table, "rule": rule, "name": f"{table}_sane"}

    def apply(self, site: Site, undo: Undo) -> None:
        run(
            site,
            f"ALTER TABLE shop.{undo['table']} ADD CONSTRAINT {undo['name']} CHECK ({undo['rule']}) NOT VALID",
        )

    def undo(self, site: Site, undo: Undo) -> None:
        run(site, f"ALTER TABLE shop.{undo['table']} DROP CONSTRAINT IF EXISTS {undo['name']}")

    def still_broken(self, site: Site, undo: Undo) -> str:
        there = ask(site, f"SELECT count(*) FROM pg_constraint WHERE conname = '{undo['name']}'")
        return f"the constraint {undo['name']} is there" if there else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("postgres", "schema", undo["name"])]


class Triggered(Alteration):
    """Every new order waits for it."""

    id = "triggered"
    title = "A trigger that takes its time"
    components = ("postgres",)

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"seconds": 2 + seed % 3, "name": "audit_orders"}

    def apply(self, site: Site, undo: Undo) -> None:
        run(
            site,
            f"CREATE OR REPLACE FUNCTION shop.{undo['name']}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM pg_sleep({undo['seconds']}); RETURN NEW; END $$",
            f"CREATE OR REPLACE TRIGGER {undo['name']} BEFORE INSERT ON shop.orders"
            f" FOR EACH ROW EXECUTE FUNCTION shop.{undo['name']}()",
        )

    def undo(self, site: Site, undo: Undo) -> None:
        run(
            site,
            f"DROP TRIGGER IF EXISTS {undo['name']} ON shop.orders",
            f"DROP FUNCTION IF EXISTS shop.{undo['name']}()",
        )

    def still_broken(self, site: Site, undo: Undo) -> str:
        there = ask(site, f"SELECT count(*) FROM pg_trigger WHERE tgname = '{undo['name']}'")
        return f"the trigger {undo['name']} is there" if there else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("postgres", "schema", undo["name"])]


class NarrowTimeout(Alteration):
    id = "narrow_timeout"
    title = "A role's statements may take next to no time"
    components = ("postgres",)

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"ms": 1 + seed % 2}

    def apply(self, site: Site, undo: Undo) -> None:
        run(site, f"ALTER ROLE app SET statement_timeout = '{undo['ms']}ms'", SESSIONS)

    def undo(self, site: Site, undo: Undo) -> None:
        if self.still_broken(site, undo):
            run(site, "ALTER ROLE app RESET statement_timeout", SESSIONS)

    def still_broken(self, site: Site, undo: Undo) -> str:
        set_ = ask(
            site,
            "SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting WHERE setrole = 'app'::regrole",
        )
        return f"app has {set_}" if f"statement_timeout={undo['ms']}ms" in str(set_) else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("postgres", "role", "role app: statement_timeout")]


class FewSessions(Alteration):
    id = "few_sessions"
    title = "A role may have hardly any sessions"
    components = ("postgres",)

    def inverse(self, site: Site, seed: int) -> Undo:
        was = ask(site, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'")
        return {"was": was, "now": 1 + seed % 2}

    def apply(self, site: Site, undo: Undo) -> None:
        run(site, f"ALTER ROLE app CONNECTION LIMIT {undo['now']}", SESSIONS)

    def undo(self, site: Site, undo: Undo) -> None:
        if self.still_broken(site, undo):
            run(site, f"ALTER ROLE app CONNECTION LIMIT {undo['was']}")

    def still_broken(self, site: Site, undo: Undo) -> str:
        now = ask(site, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'")
        return f"app may have {now} sessions" if now == undo["now"] else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("postgres", "limit", "role app: connection limit")]
