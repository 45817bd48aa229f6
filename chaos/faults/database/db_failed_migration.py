"""A migration renames a column, and then fails at a view that somebody made on it."""

from __future__ import annotations

from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT, VERSION, VIEW = "postgres", 7, "shop.sales_by_day"
RUNNER = "api-1"
APIS = ("api-1", "api-2")


class DbFailedMigration(Fault):
    id = "db_failed_migration"
    title = "Failed migration"
    category = "database"
    targets = (UNIT,)
    description = (
        "A migration stops half-way, at a view that nobody thought of. The code knows the schema before it."
    )
    blast_radius = "orders, and whatever else asks for that column"
    reverts = "runs the migration back and removes the view"
    expected = Expected((UNIT,), ("migration_half_applied",))
    culprits = ((UNIT, "total_cents"), (UNIT, "orders"), (UNIT, "schema_migrations"), (UNIT, "sales_by_day"))
    approves = ("roll-back-migration", "run-migrations")
    may_touch = ("api", *APIS, "backup-api", "worker")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        version, dirty = _state(site)
        if version >= VERSION or dirty:
            raise FaultFailed(f"the schema is at {version} already; reset the sandbox first")
        return {"version": version}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.superuser() as db:
            db.execute("SET ROLE app")
            db.execute(
                "CREATE OR REPLACE VIEW shop.sales_by_day AS "
                "SELECT date_trunc('day', created_at) AS day, sum(total) AS total FROM shop.orders GROUP BY 1"
            )
        code, said = site.hands.run_beside(RUNNER, [*site.migrate_argv(), "up", "--to", str(VERSION)])
        if code == 0 or not _state(site)[1]:
            raise FaultFailed(f"the migration did not stop half-way: {said[-1] if said else code}")
        site.hands.write_log(RUNNER, said)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            Part("the migration is taken back", lambda: _back(site, undo)),
            Part("the view for reports is away", lambda: _drop(site)),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        version, dirty = _state(site)
        if version == undo["version"] and not dirty:
            return ""
        return f"the schema is at {version}{', half-way' if dirty else ''}"


def _state(site: Site) -> tuple[int, bool]:
    with site.superuser() as db:
        row = db.execute(
            "SELECT version, dirty FROM shop.schema_migrations ORDER BY version DESC LIMIT 1"
        ).fetchone()
    return (int(row[0]), bool(row[1])) if row else (0, False)


def _back(site: Site, undo: Undo) -> None:
    if _state(site)[0] >= VERSION:
        argv = [*site.migrate_argv(), "down", "--to", str(undo["version"])]
        code, said = site.hands.run_beside(RUNNER, argv)
        if code:
            raise OSError(said[-1] if said else f"the migration ended with {code}")


def _drop(site: Site) -> None:
    with site.superuser() as db:
        db.execute("DROP VIEW IF EXISTS shop.sales_by_day")
