"""Put the tables that are missing or damaged back from the newest snapshot, in one transaction; all others keep what
they have. The whole schema only where a person chooses it."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from pydantic import Field

from actions import effects, losses, pgtools, snapshots, tables, vault
from actions.base import (
    Action,
    ActionContext,
    ActionFailed,
    ActionRefused,
    Params,
    Preview,
    ReadBack,
    Result,
)
from actions.catalogue.database import _restore, _schema, _tried
from actions.models import Risk
from actions.tables import Judged
from actions.trial import Trial
from systems.services import LoadedSystem


class RestoreParams(Params):
    tables: list[str] | None = Field(
        None, max_length=200, description="empty: those that are missing or damaged, or have lost most rows"
    )
    whole: bool = Field(
        False, description="everything is as in the snapshot again, and what was written since is lost"
    )


class RestoreDb(Action[RestoreParams]):
    slug = "restore-db"
    title = "Restore the database from its snapshot"
    risk = Risk.HIGH
    Params = RestoreParams
    aliases = ("restore-db-from-snapshot",)
    can_lose = ("rows", "sessions", "transactions")

    def targets(self, system: LoadedSystem) -> list[str]:
        return [n for n, s in system.services.items() if s.postgres and s.snapshot]

    def only_for_people(self, ctx: ActionContext, params: RestoreParams) -> str | None:
        return "a whole schema is put back only where a person chooses it" if params.whole else None

    def touches(self, ctx: ActionContext, params: RestoreParams) -> list[str]:
        return [
            ctx.target,
            *sorted(
                n
                for n, s in ctx.system.services.items()
                if ctx.target in ctx.system.graph.needs[n] and s.unit
            ),
        ]

    def effects(self, ctx: ActionContext, params: RestoreParams) -> frozenset[str]:
        return frozenset({f"data:{ctx.target}"})

    def bind(self, ctx: ActionContext, params: RestoreParams) -> RestoreParams:
        """Name the tables, so that an approval covers these and no others."""
        if params.whole or params.tables:
            return params
        found = _judged(ctx, params)
        if not found:
            raise ActionRefused(
                "no table of the snapshot is missing or damaged: there is nothing to put back"
            )
        # What is gone or unreadable first: a column that is gone, or few rows, may be meant so
        gone = [item for item in found if item.state == "missing" or item.lost is None]
        return RestoreParams(tables=[item.table for item in gone or found], whole=False)

    def check(self, ctx: ActionContext, params: RestoreParams) -> None:
        with snapshots.opened(_schema.newest(ctx), _schema.name(ctx)) as snapshot:
            known = snapshot.tables
        if unknown := [t for t in params.tables or [] if t not in known]:
            raise ActionRefused(f"the snapshot has no table {', '.join(unknown)}; it has: {', '.join(known)}")
        if not params.whole and not any(item.state != "whole" for item in _judged(ctx, params)):
            raise ActionRefused("these tables are there, with their columns and rows: nothing to put back")

    def fingerprint(self, ctx: ActionContext, params: RestoreParams) -> dict[str, Any]:
        file = _schema.newest(ctx)
        return {"file": file.name, "sha256": effects.digest(file)}

    def preview(self, ctx: ActionContext, params: RestoreParams) -> Preview:
        return _preview_whole(self, ctx, params) if params.whole else _preview_tables(self, ctx, params)

    def try_out(self, ctx: ActionContext, params: RestoreParams) -> Trial | None:
        """The tables with their rows and keys, put up beside the real ones, in a transaction that is rolled back."""
        with (
            effects.admin(ctx.service) as session,
            snapshots.opened(_schema.newest(ctx), _schema.name(ctx)) as snapshot,
        ):
            names = snapshot.tables if params.whole else list(params.tables or [])
            many = sum(snapshot.rows(name) for name in names)
            if many > TRIED_ROWS:
                return Trial("not_tried", "", [f"{many} rows are too many to be put up beside it beforehand"])
            return _tried.tables(session, snapshot, names)

    def prepare(self, ctx: ActionContext, params: RestoreParams) -> dict[str, Any]:
        if params.whole:
            ref = vault.new_ref()
            pgtools.dump(_schema.dsn(ctx), _schema.name(ctx), vault.path(ref, ".sql"))
            return {"dump": ref, "oid": _schema.oid(ctx, _schema.name(ctx))}
        plan = [item for item in _judged(ctx, params) if item.state != "whole"]
        with (
            effects.admin(ctx.service) as session,
            snapshots.opened(_schema.newest(ctx), _schema.name(ctx)) as snapshot,
        ):
            keys = {i.table: snapshot.key(i.table) or snapshot.columns(i.table) for i in plan}
            foreign = [
                key
                for item in plan
                if item.state == "damaged"
                for key in _restore.foreign_keys(session, _schema.name(ctx), item.table)
            ]
        return {
            "aside": f"ops_aside_{uuid.uuid4().hex[:12]}",
            "tables": {item.table: item.state for item in plan},
            "keys": keys,
            "foreign": foreign,
        }

    def execute(self, ctx: ActionContext, params: RestoreParams) -> Result:
        if params.whole:
            return _execute_whole(ctx, params)
        undo = ctx.undo or {}
        plan = [item for item in _judged(ctx, params) if item.state != "whole"]
        if not plan or {item.table: item.state for item in plan} != undo["tables"]:
            raise ActionFailed("the tables are not as they were a moment ago: nothing was touched")
        ctx.guard()
        with (
            effects.admin(ctx.service, timeout_ms=120_000) as session,
            snapshots.opened(_schema.newest(ctx), _schema.name(ctx)) as snapshot,
        ):
            back = _restore.apply(session, snapshot, plan, str(undo["aside"]))
        words = ", ".join(f"{table}: {rows} rows are back" for table, rows in back.items())
        return Result(True, words, {"tables": back}, {"rows": _sum([item.lost for item in plan])})

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        ctx.guard()
        if "dump" not in undo:
            with effects.admin(ctx.service, timeout_ms=120_000) as session:
                _restore.take_back(session, _schema.name(ctx), undo)
            names = ", ".join(undo["tables"])
            return Result(
                True, f"{names}: as before; what was there meanwhile is kept in {undo['aside']}_undone"
            )
        _schema.replace(ctx, _dump(undo).read_bytes())
        return Result(
            True, f"schema {_schema.name(ctx)} is as it was before: {len(_schema.names(ctx))} tables"
        )

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        if "dump" in undo:
            what = f"all of schema {_schema.name(ctx)} is replaced by the dump made before"
            return [what, *_whole(ctx, _dump(undo))[0]]
        lost = self._newer(ctx, undo)
        return [
            f"{table} is {state} again; "
            + (f"{lost[table]} rows written since are lost to it" if lost[table] is not None else UNCOUNTED)
            for table, state in undo["tables"].items()
        ]

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        if "dump" in undo:
            return {"rows": _whole(ctx, _dump(undo))[1], **losses.of_sessions(ctx.service).counts}
        return {"rows": _sum(list(self._newer(ctx, undo).values()))}

    def _newer(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        with effects.admin(ctx.service, timeout_ms=60_000) as session:
            return _restore.newer_than(session, _schema.name(ctx), undo)

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return "tables were missing or damaged before, and rows written since would be lost"

    def read_back(self, ctx: ActionContext, params: RestoreParams) -> ReadBack:
        """One transaction: either the schema that it makes is there, or nothing happened."""
        undo = ctx.undo or {}
        if "aside" in undo:
            return "applied" if _schema.oid(ctx, str(undo["aside"])) else "not_applied"
        return (
            "applied" if _schema.oid(ctx, _schema.name(ctx)) not in (None, undo.get("oid")) else "not_applied"
        )


def _judged(ctx: ActionContext, params: RestoreParams) -> list[Judged]:
    with (
        effects.admin(ctx.service, timeout_ms=60_000) as session,
        snapshots.opened(_schema.newest(ctx), _schema.name(ctx)) as snapshot,
    ):
        return tables.judge(session, snapshot, params.tables or ())


def _sum(numbers: list[int | None]) -> int | None:
    known = [n for n in numbers if n is not None]
    return sum(known) if len(known) == len(numbers) else None


def _age(file: Path) -> str:
    return f"{file.name}, made {(time.time() - file.stat().st_mtime) / 60:.0f} minutes ago"


TRIED_ROWS = 300_000
UNCOUNTED = "rows written since could not be counted: they stay where it is set aside"
HOW = {"missing": "made again", "damaged": "set aside and made again", "emptied": "filled up"}


def _preview_tables(action: RestoreDb, ctx: ActionContext, params: RestoreParams) -> Preview:
    changes = []
    plan = _judged(ctx, params)
    for item in plan:
        if item.state == "whole":
            changes.append(f"{item.table} {item.why} and is left as it is")
            continue
        line = f"{item.table} {item.why}: it is {HOW[item.state]}, {item.back} rows come back"
        if item.lost is None:
            line += "; rows newer than the snapshot could not be counted: they stay where it was set aside"
        else:
            line += f", {item.lost} newer or changed rows are lost to it"
        changes.append(line)
    names = ", ".join(item.table for item in plan if item.state != "whole")
    others = [
        i
        for i in _judged(ctx, RestoreParams(tables=None, whole=False))
        if i.table not in (params.tables or [])
    ]
    changes += [f"not touched unless it is named: {item.table} {item.why}" for item in others]
    return Preview(
        f"one transaction: {names} from {_age(_schema.newest(ctx))}",
        [*changes, "all other tables keep their rows; no session is ended"],
        action.touches(ctx, params),
        "What was replaced is kept in a schema of its own and can be put back.",
        "The tables stay as they are.",
        {"rows": _sum([item.lost for item in plan])},
    )


def _dump(undo: dict[str, Any]) -> Path:
    file = vault.path(str(undo["dump"]), ".sql")
    if not file.exists():
        raise ActionFailed("the dump made before the restore is gone")
    return file


def _whole(ctx: ActionContext, file: Path) -> tuple[list[str], int | None]:
    """(a line for each table, rows that the snapshot has not)"""
    lines, lost = [], 0
    schema = _schema.name(ctx)
    with (
        effects.admin(ctx.service, timeout_ms=60_000) as session,
        snapshots.opened(file, schema) as snapshot,
    ):
        there = tables.present(session, schema)
        for table in dict.fromkeys([*snapshot.tables, *there]):
            now = tables.count(session, schema, table) if table in there else 0
            newer = now
            if table in there and table in snapshot.tables:
                newer = tables.compare(session, snapshot, table)[0] or 0
            lost += newer
            lines.append(
                f"{table}: {now} rows -> {snapshot.rows(table)}; {newer} newer or changed rows are lost"
            )
    return lines, lost


def _preview_whole(action: RestoreDb, ctx: ActionContext, params: RestoreParams) -> Preview:
    lines, lost = _whole(ctx, _schema.newest(ctx))
    ends = losses.of_sessions(ctx.service)
    return Preview(
        f"psql --single-transaction: DROP SCHEMA {_schema.name(ctx)} CASCADE; then {_age(_schema.newest(ctx))}",
        [f"all of schema {_schema.name(ctx)} is replaced by the snapshot", *lines, *ends.words],
        action.touches(ctx, params),
        "The schema as it is now is dumped first, and can be put back the same way.",
        "The schema stays as it is.",
        {"rows": lost, **ends.counts},
    )


def _execute_whole(ctx: ActionContext, params: RestoreParams) -> Result:
    ends, (_, lost) = losses.of_sessions(ctx.service), _whole(ctx, _schema.newest(ctx))
    ctx.guard()
    with snapshots.opened(_schema.newest(ctx), _schema.name(ctx)) as snapshot:
        _schema.replace(ctx, snapshot.file.read_bytes())
    names = _schema.names(ctx)
    return Result(
        True,
        f"schema {_schema.name(ctx)} is back from its snapshot: {len(names)} tables",
        {"tables": names},
        {"rows": lost, **ends.counts},
    )
