"""Put a schema back from its newest snapshot, in one transaction. What changed since the snapshot is lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from psycopg import sql

from actions import effects, pgtools, vault
from actions.base import (
    Action,
    ActionContext,
    ActionFailed,
    ActionRefused,
    NoParams,
    Preview,
    ReadBack,
    Result,
)
from actions.models import Risk
from systems.services import LoadedSystem


class RestoreDb(Action[NoParams]):
    slug = "restore-db"
    title = "Restore the database from its snapshot"
    risk = Risk.HIGH
    aliases = ("restore-db-from-snapshot",)

    def targets(self, system: LoadedSystem) -> list[str]:
        return [n for n, s in system.services.items() if s.postgres and s.snapshot]

    def touches(self, ctx: ActionContext, params: NoParams) -> list[str]:
        return [
            ctx.target,
            *sorted(n for n, s in ctx.system.services.items() if ctx.target in s.depends_on and s.unit),
        ]

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset({f"data:{ctx.target}"})

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        _snapshot(ctx)
        with effects.admin(ctx.service) as session:
            session.execute("select 1")

    def fingerprint(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        file = _snapshot(ctx)
        return {"file": file.name, "sha256": effects.digest(file)}

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        file, schema = _snapshot(ctx), _schema(ctx)
        age_min = (time.time() - file.stat().st_mtime) / 60
        return Preview(
            f"psql --single-transaction: DROP SCHEMA {schema} CASCADE; then {file.name}",
            [
                f"all of schema {schema} is replaced by the snapshot made {age_min:.0f} minutes ago",
                f"tables now: {', '.join(_tables(ctx)) or 'none'}",
                "rows written since the snapshot are lost",
            ],
            self.touches(ctx, params),
            "The schema as it is now is dumped first, and can be put back the same way.",
            "The schema stays as it is.",
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        ref = vault.new_ref()
        pgtools.dump(_dsn(ctx), _schema(ctx), vault.path(ref, ".sql"))
        return {"dump": ref, "tables": _tables(ctx), "oid": _oid(ctx)}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        ctx.guard()
        _replace(ctx, _snapshot(ctx).read_bytes())
        return Result(
            True,
            f"schema {_schema(ctx)} is back from its snapshot: {len(_tables(ctx))} tables",
            {"tables": _tables(ctx)},
        )

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        file = vault.path(str(undo["dump"]), ".sql")
        if not file.exists():
            raise ActionFailed("the dump made before the restore is gone")
        ctx.guard()
        _replace(ctx, file.read_bytes())
        return Result(True, f"schema {_schema(ctx)} is as it was before: {len(_tables(ctx))} tables")

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return "tables were missing or damaged before, and rows written since would be lost"

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        """One transaction: either the schema is a new object, or it is the old one."""
        return "applied" if _oid(ctx) not in (None, (ctx.undo or {}).get("oid")) else "not_applied"


def _schema(ctx: ActionContext) -> str:
    if ctx.service.snapshot is None:
        raise ActionRefused(f"the manifest declares no snapshot of {ctx.target}")
    return ctx.service.snapshot.db_schema


def _snapshot(ctx: ActionContext) -> Path:
    """The newest .sql file of the declared folder."""
    spec = ctx.service.snapshot
    files = list(ctx.system.path(spec.dir).glob("*.sql")) if spec else []
    if not files:
        raise ActionRefused(f"there is no snapshot of {ctx.target}")
    return max(files, key=lambda f: f.stat().st_mtime)


def _dsn(ctx: ActionContext) -> str:
    spec = ctx.service.postgres
    if spec is None or not spec.admin_dsn:
        raise ActionRefused(f"{ctx.target} needs an admin_dsn in the manifest for this")
    return spec.admin_dsn


def _replace(ctx: ActionContext, script: bytes) -> None:
    """Sessions that would hold the locks end first; whoever needs the database connects again."""
    schema = _schema(ctx)
    with effects.admin(ctx.service) as session:
        session.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
            " and application_name not like 'opsportal%'"
        )
        drop = sql.SQL("set local lock_timeout = '10s';\ndrop schema if exists {} cascade;\n").format(
            sql.Identifier(schema)
        )
        head = drop.as_string(session).encode()
    pgtools.load(_dsn(ctx), head + script)


def _tables(ctx: ActionContext) -> list[str]:
    with effects.admin(ctx.service) as session:
        rows = session.execute(
            "select tablename from pg_tables where schemaname = %s order by 1", [_schema(ctx)]
        ).fetchall()
    return [str(r[0]) for r in rows]


def _oid(ctx: ActionContext) -> int | None:
    with effects.admin(ctx.service) as session:
        row = session.execute("select oid from pg_namespace where nspname = %s", [_schema(ctx)]).fetchone()
    return int(row[0]) if row else None
