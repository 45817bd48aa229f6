"""Run the declared migration program: `up` to what the code expects, or `down` one version."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
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
from actions.trial import TRIED_S, Trial, judged
from systems.runtimes.base import ExecResult
from systems.services import LoadedSystem

TIMEOUT_S = 60.0
LOST = re.compile(r"\brows lost: (\d+)")


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

    def try_out(self, ctx: ActionContext, params: NoParams) -> Trial | None:
        """In a transaction of the program's own that it rolls back, where the manifest says that it can."""
        spec = ctx.service.migrations
        if spec is None or spec.dry_run is None:
            return None
        done = _run(ctx, self.verb, spec.dry_run)
        if done.timed_out:
            return Trial("not_tried", "", [f"its dry run did not end in {TRIED_S:g} s"])
        said = [text for line in (done.out + done.err).splitlines() if (text := _said(line))]
        trial = judged(done.code, "\n".join(said), "a transaction that was rolled back")
        lost = [int(found[1]) for line in said if (found := LOST.search(line))]
        counted = trial.outcome == "held" and lost
        return replace(trial, loss={"rows": sum(lost)}) if counted else trial

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


def _run(ctx: ActionContext, verb: str, option: str = "") -> ExecResult:
    spec = ctx.service.migrations
    if spec is None:
        raise ActionRefused(f"the manifest declares no migrations of {ctx.target}")
    fence = ctx.fence if spec.service == ctx.target else None
    words = [*_argv(ctx, verb), *([option] if option else [])]
    return ctx.runtime.exec(ctx.unit(spec.service), words, TRIED_S if option else TIMEOUT_S, fence)


def _status(ctx: ActionContext) -> str:
    done = _run(ctx, "status")
    if done.code:
        raise ActionRefused(f"the migration program cannot tell its status: {_last(done)}")
    return _last(done) or "up to date"


def _last(done: ExecResult) -> str:
    """The last line; of a JSON log line its message, which has no time stamp in it."""
    lines = (done.out.strip() or done.err.strip()).splitlines()
    return _said(lines[-1]) if lines else ""


def _said(line: str) -> str:
    """A line, of a JSON log its message."""
    try:
        item = json.loads(line)
    except ValueError:
        return line.strip()[:200]
    return str(item.get("msg", line) if isinstance(item, dict) else item)[:200]
