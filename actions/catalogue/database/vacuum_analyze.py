"""Vacuum and analyze the tables of the declared schema."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem


class VacuumAnalyze(Action[NoParams]):
    slug = "vacuum-analyze"
    title = "Vacuum and analyze"
    risk = Risk.LOW

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.of_kind(system.services, "postgres")

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset({f"vacuum:{ctx.target}"})

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        if not _tables(ctx):
            raise ActionRefused("there is no table in the declared schema")

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        tables = _tables(ctx)
        return Preview(
            "; ".join(f"VACUUM (ANALYZE) {_schema(ctx)}.{t}" for t in tables),
            [f"dead rows of {len(tables)} tables are removed where no open transaction needs them"],
            [ctx.target],
            "Cannot be undone, and need not be: no row changes.",
        )

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        tables = _tables(ctx)
        with effects.admin(ctx.service, timeout_ms=60_000) as session:
            before = _dead(session, _schema(ctx))
            for table in tables:
                ctx.guard()
                session.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(_schema(ctx), table)))
            after = _dead(session, _schema(ctx))
        return Result(True, f"{len(tables)} tables vacuumed, dead rows {before} -> {after}", {"dead": after})

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "not_applied"  # safe to repeat


def _schema(ctx: ActionContext) -> str:
    spec = ctx.service.postgres
    return spec.db_schema if spec else "public"


def _tables(ctx: ActionContext) -> list[str]:
    with effects.admin(ctx.service) as session:
        rows = session.execute(
            "select tablename from pg_tables where schemaname = %s order by 1", [_schema(ctx)]
        ).fetchall()
    return [str(r[0]) for r in rows]


def _dead(session: Any, schema: str) -> int:
    session.execute("select pg_stat_clear_snapshot()")
    row = session.execute(
        "select coalesce(sum(n_dead_tup), 0) from pg_stat_user_tables where schemaname = %s", [schema]
    ).fetchone()
    return int(row[0])
