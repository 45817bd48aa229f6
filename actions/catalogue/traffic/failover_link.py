"""Send an edge over its other path."""

from __future__ import annotations

from typing import Any

from actions import effects
from actions.base import ActionContext, Preview, ReadBack, Result
from actions.catalogue.traffic._edges import EdgeAction, EdgeParams, address, edges
from actions.models import Risk


class FailoverLink(EdgeAction):
    slug = "failover-link"
    title = "Fail a link over to its other path"
    risk = Risk.MEDIUM
    verb, word = "failover", "route"
    ended_by = "reset-link"  # whether its own path carries again is not measured: for a person

    def preview(self, ctx: ActionContext, params: EdgeParams) -> Preview:
        now = edges(ctx)[params.edge].get("path", "?")
        return self.preview_of(
            ctx,
            params,
            f"edge {params.edge}: path {now} -> the other one",
            "Send it over its first path again.",
        )

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        """Where a second fail-over stays on the other path, a reset leads back to the first."""
        edge = undo["edge"]
        for verb in ("failover", "reset"):
            if edges(ctx)[edge].get("path") != undo["path"]:
                ctx.guard()
                effects.call("POST", address(ctx, edge, verb))
        now = edges(ctx)[edge].get("path")
        return Result(now == undo["path"], f"edge {edge} is on path {now}")

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        now = edges(ctx)[undo["edge"]].get("path", "?")
        return [f"edge {undo['edge']}: path {now} -> {undo['path']}"]

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return None if undo.get("ok") else f"the edge was down on path {undo.get('path')}"

    def read_back(self, ctx: ActionContext, params: EdgeParams) -> ReadBack:
        before = (ctx.undo or {}).get("path")
        return "applied" if edges(ctx)[params.edge].get("path") != before else "not_applied"
