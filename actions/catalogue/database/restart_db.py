"""Restart a database server. Every open transaction is lost, so a person decides."""

from __future__ import annotations

from typing import Any

from actions import effects
from actions.base import Action, ActionContext, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem

GRACE_S = 10.0  # a fast shutdown ends sessions at once; KILL after it means crash recovery


class RestartDb(Action[NoParams]):
    slug = "restart-db"
    title = "Restart the database"
    risk = Risk.HIGH
    needs_unit = True
    can_lose = ("sessions", "transactions")

    def targets(self, system: LoadedSystem) -> list[str]:
        return [n for n in effects.of_kind(system.services, "postgres") if system.service(n).unit]

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return effects.restarts(ctx.members)

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        ctx.runtime.state(ctx.unit(ctx.target))

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        state = ctx.runtime.state(ctx.unit(ctx.target))
        return Preview(
            f"restart {ctx.unit(ctx.target)} (fast shutdown, KILL after {GRACE_S:g} s)",
            [f"{ctx.target}: {state.state}, pid {state.pid} -> a new process"],
            [ctx.target],
            "Cannot be undone: open transactions are rolled back; committed data stays.",
            "The database keeps running as it is.",
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"pids": effects.pids(ctx, [ctx.target])}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        message = effects.restart(ctx, ctx.target, GRACE_S, ready_s=40)
        return Result(effects.answers(ctx.system, ctx.service), message)

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "applied" if effects.restarted_since(ctx, [ctx.target]) else "not_applied"
