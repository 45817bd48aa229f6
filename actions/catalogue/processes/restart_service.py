"""Restart one service; ends in KILL after the grace, and is only done when another process answers."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from actions import effects
from actions.base import Action, ActionContext, Params, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem


class RestartParams(Params):
    grace_s: float = Field(5.0, ge=0.1, le=30, description="seconds it gets to end by itself")


class RestartService(Action[RestartParams]):
    slug = "restart-service"
    title = "Restart a service"
    risk = Risk.LOW
    needs_unit = True
    risk_by_kind = {"postgres": Risk.HIGH, "redis": Risk.MEDIUM, "link": Risk.MEDIUM}
    can_lose = ("keys", "messages", "sessions", "transactions")
    Params = RestartParams
    aliases = ("restart", "start-service")

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.controllable(system.services)

    def effects(self, ctx: ActionContext, params: RestartParams) -> frozenset[str]:
        return effects.restarts(ctx.members)

    def check(self, ctx: ActionContext, params: RestartParams) -> None:
        ctx.runtime.state(ctx.unit(ctx.target))

    def preview(self, ctx: ActionContext, params: RestartParams) -> Preview:
        state = ctx.runtime.state(ctx.unit(ctx.target))
        return Preview(
            f"restart {ctx.unit(ctx.target)} (TERM, KILL after {params.grace_s:g} s)",
            [f"{ctx.target}: {state.state}, pid {state.pid} -> a new process"],
            [ctx.target],
            "Cannot be undone: the same program starts again with its present files.",
        )

    def prepare(self, ctx: ActionContext, params: RestartParams) -> dict[str, Any]:
        return {"pids": effects.pids(ctx, [ctx.target])}

    def execute(self, ctx: ActionContext, params: RestartParams) -> Result:
        return Result(True, effects.restart(ctx, ctx.target, params.grace_s))

    def read_back(self, ctx: ActionContext, params: RestartParams) -> ReadBack:
        return "applied" if effects.restarted_since(ctx, [ctx.target]) else "not_applied"
