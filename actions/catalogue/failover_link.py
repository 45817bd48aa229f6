"""Send an edge over its other path."""

from __future__ import annotations

from typing import Any

from actions import effects
from actions.base import ActionContext, Preview, ReadBack, Result
from actions.catalogue._edges import EdgeAction, EdgeParams, edges
from actions.models import Risk


class FailoverLink(EdgeAction):
    slug = "failover-link"
    title = "Fail a link over to its other path"
    risk = Risk.MEDIUM
    verb = "failover"

    def preview(self, ctx: ActionContext, params: EdgeParams) -> Preview:
        now = edges(ctx)[params.edge].get("path", "?")
        return self.preview_of(
            ctx, params, f"edge {params.edge}: path {now} -> the other one", "Fail over once more."
        )

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        if edges(ctx)[undo["edge"]].get("path") != undo["path"]:
            ctx.guard()
            effects.call("POST", effects.control(ctx.service, f"/edges/{undo['edge']}/failover"))
        return Result(True, f"edge {undo['edge']} is on path {undo['path']} again")

    def read_back(self, ctx: ActionContext, params: EdgeParams) -> ReadBack:
        before = (ctx.undo or {}).get("path")
        return "applied" if edges(ctx)[params.edge].get("path") != before else "not_applied"
