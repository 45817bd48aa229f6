"""Run the declared migration program: `up` to what the code expects, or `down` one version."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar

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
from systems.runtimes.base import ExecResult
from systems.services import LoadedSystem

TIMEOUT_S = 60.0


class RunMigrations(Action[NoParams]):
    slug = "run-migrations"
    title = "Run the database migrations"
    risk = Risk.HIGH
    can_lose = ("rows",)
    aliases = ("rerun-migrations",)
    verb: ClassVar[str] = "up"
    effect: ClassVar[str] = "migrations that are missing are applied"

    def targets(self, system: LoadedSystem) -> list[str]:
        return [n for n, s in system.services.items() if s.migrations]

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset({f"schema:{ctx.target}={self.verb}"})

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        _status(ctx)

    def fingerprint(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"status": _status(ctx)}

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        undo = "Run down." if self.verb == "up" else "Run up again."
        return Preview(
            " ".join(_argv(ctx, self.verb)),
            [
                f"now: {_status(ctx)}",
                self.effect,
                "what it does to rows could not be counted: the program does not say",
            ],
            [ctx.target],
            f"{undo} A migration may lose data on its way down.",
            "The schema stays as it is.",
            {"rows": None},
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"status": _status(ctx)}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        ctx.guard()
        done = _run(ctx, self.verb)
        if done.timed_out:
            raise TimeoutError(f"the migration did not end in {TIMEOUT_S:g} s")
        if done.code:
            raise ActionFailed(f"the migration ended with code {done.code}: {_last(done)}")
        return Result(
            True, f"done; {_status(ctx)}", {"before": (ctx.undo or {}).get("status"), "after": _status(ctx)}
        )

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        if _status(ctx) == undo["status"]:
            return Result(True, "the schema version is what it was before")
        ctx.guard()
        done = _run(ctx, "down" if self.verb == "up" else "up")
        if done.code:
            raise ActionFailed(f"the migration ended with code {done.code}: {_last(done)}")
        return Result(_status(ctx) == undo["status"], f"now: {_status(ctx)}")

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        return {} if _status(ctx) == undo["status"] else {"rows": None}

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return "the schema before was not the one that was wanted, and going back may lose data"

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "applied" if _status(ctx) != (ctx.undo or {}).get("status") else "not_applied"


class RollBackMigration(RunMigrations):
    slug = "roll-back-migration"
    title = "Roll the last migration back"
    aliases = ("rollback-migration",)
    verb = "down"
    effect = "the newest migration is undone, a half-done one too"


def _argv(ctx: ActionContext, verb: str) -> list[str]:
    spec = ctx.service.migrations
    if spec is None:
        raise ActionRefused(f"the manifest declares no migrations of {ctx.target}")
    return [*(word.replace("{python}", sys.executable) for word in spec.argv), verb]


def _run(ctx: ActionContext, verb: str) -> ExecResult:
    spec = ctx.service.migrations
    if spec is None:
        raise ActionRefused(f"the manifest declares no migrations of {ctx.target}")
    fence = ctx.fence if spec.service == ctx.target else None
    return ctx.runtime.exec(ctx.unit(spec.service), _argv(ctx, verb), TIMEOUT_S, fence)


def _status(ctx: ActionContext) -> str:
    done = _run(ctx, "status")
    if done.code:
        raise ActionRefused(f"the migration program cannot tell its status: {_last(done)}")
    return _last(done) or "up to date"


def _last(done: ExecResult) -> str:
    """The last line; of a JSON log line its message, which has no time stamp in it."""
    lines = (done.out.strip() or done.err.strip()).splitlines()
    if not lines:
        return ""
    try:
        item = json.loads(lines[-1])
    except ValueError:
        return lines[-1][:200]
    return str(item.get("msg", lines[-1]) if isinstance(item, dict) else item)[:200]
