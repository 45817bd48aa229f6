"""The database's password for the shop is changed, and nobody tells the shop."""

from __future__ import annotations

import secrets
from typing import Any

from psycopg import sql

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

ROLE = "app"
READ = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"


class DbAuthFailure(Fault):
    id = "db_auth_failure"
    title = "Database authentication failure"
    category = "database"
    targets = ("postgres",)
    description = "The password of the shop's database role is changed and its sessions are ended."
    blast_radius = "everything that reads or writes the database"
    reverts = "restores the exact old password verifier, unless the credentials have been rotated since"
    expected = Expected(("postgres",), ("app_credentials_mismatch",))
    may_touch = ("api-1", "api-2", "api", "worker", "batch", "backup-api", "analytics")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        with site.superuser() as db:
            row = db.execute(READ, [ROLE]).fetchone()
            if row is None or not row[0]:
                raise FaultFailed(f"the role {ROLE!r} has no password to change")
            new = db.pgconn.encrypt_password(
                secrets.token_bytes(18).hex().encode(), ROLE.encode(), b"scram-sha-256"
            )
        return {"old": row[0], "new": new.decode()}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.superuser() as db:
            db.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(undo["new"]))
            )
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part(f"the password of the database role {ROLE}", lambda: _put_back(site, undo))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return site.login_fails("api-1", "DATABASE_URL") or site.login_fails("worker", "DATABASE_URL")


def _put_back(site: Site, undo: Undo) -> None:
    with site.superuser() as db:
        row = db.execute(READ, [ROLE]).fetchone()
        if row and row[0] == undo["new"]:
            old = sql.Literal(undo["old"])
            db.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), old))
