"""A table is gone."""

from __future__ import annotations

from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT = "postgres"
TABLE = "shop.coupons"


class DbCorruption(Fault):
    id = "db_corruption"
    title = "Missing table"
    category = "database"
    targets = (UNIT,)
    description = "Somebody tidied up and dropped a table that orders need, with all that is in it."
    blast_radius = "orders with a coupon; the rest of the shop works"
    reverts = "makes the table again and puts its rows back"
    expected = Expected((UNIT,), ("table_missing",))
    culprits = ((UNIT, TABLE),)
    approves = ("restore-db", "run-migrations")
    may_touch = ("worker", "api", "api-1", "api-2")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        with site.superuser() as db:
            if db.execute("SELECT to_regclass('shop.coupons')").fetchone() == (None,):
                raise FaultFailed(f"{TABLE} is not there; reset the sandbox first")
            rows = db.execute("SELECT code, percent FROM shop.coupons").fetchall()
        return {"rows": [list(row) for row in rows]}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.superuser() as db:
            db.execute("SET lock_timeout = '5s'")
            db.execute("DROP TABLE shop.coupons CASCADE")

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part("the table of coupons", lambda: _make_again(site, undo))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.superuser() as db:
            if db.execute("SELECT to_regclass('shop.coupons')").fetchone() == (None,):
                return f"{TABLE} is missing"
            rows = db.execute("SELECT code, percent FROM shop.coupons").fetchall()
        lost = [row[0] for row in undo["rows"] if tuple(row) not in rows]
        return f"{TABLE} lacks {', '.join(lost)}" if lost else ""


def _make_again(site: Site, undo: Undo) -> None:
    with site.superuser() as db:
        db.execute("SET ROLE app")
        db.execute(
            "CREATE TABLE IF NOT EXISTS shop.coupons "
            "(code text PRIMARY KEY, percent int NOT NULL CHECK (percent BETWEEN 0 AND 100))"
        )
        for code, percent in undo["rows"]:
            db.execute(
                "INSERT INTO shop.coupons (code, percent) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [code, percent],
            )
