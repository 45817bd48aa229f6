"""The declared schema, its newest snapshot, and putting all of it back."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from actions import effects, pgtools, tables
from actions.base import ActionContext, ActionRefused


def name(ctx: ActionContext) -> str:
    if ctx.service.snapshot is None:
        raise ActionRefused(f"the manifest declares no snapshot of {ctx.target}")
    return ctx.service.snapshot.db_schema


def newest(ctx: ActionContext) -> Path:
    """The newest dump of the declared folder: plain SQL, or pg_dump's custom format."""
    spec = ctx.service.snapshot
    files = [f for end in ("sql", "dump") for f in ctx.system.path(spec.dir).glob(f"*.{end}")] if spec else []
    if not files:
        raise ActionRefused(f"there is no snapshot of {ctx.target}")
    return max(files, key=lambda f: f.stat().st_mtime)


def dsn(ctx: ActionContext) -> str:
    spec = ctx.service.postgres
    if spec is None or not spec.admin_dsn:
        raise ActionRefused(f"{ctx.target} needs an admin_dsn in the manifest for this")
    return spec.admin_dsn


def replace(ctx: ActionContext, script: bytes) -> None:
    """Sessions that would hold the locks end first; whoever needs the database connects again."""
    schema = name(ctx)
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
    pgtools.load(dsn(ctx), head + script)


def names(ctx: ActionContext) -> list[str]:
    with effects.admin(ctx.service) as session:
        return tables.present(session, name(ctx))


def oid(ctx: ActionContext, schema: str) -> int | None:
    with effects.admin(ctx.service) as session:
        row = session.execute("select oid from pg_namespace where nspname = %s", [schema]).fetchone()
    return int(row[0]) if row else None
