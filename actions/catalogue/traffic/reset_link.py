"""Set an edge up anew on its first path."""

from __future__ import annotations

from actions.base import ActionContext, Preview, ReadBack
from actions.catalogue.traffic._edges import EdgeAction, EdgeParams, edges
from actions.models import Risk


class ResetLink(EdgeAction):
    slug = "reset-link"
    title = "Reset a link"
    risk = Risk.MEDIUM
    verb, word = "reset", "reset"

    def preview(self, ctx: ActionContext, params: EdgeParams) -> Preview:
        now = edges(ctx)[params.edge]
        state = "up" if now.get("ok") else "down"
        change = f"edge {params.edge}: {state} on path {now.get('path', '?')} -> set up anew"
        return self.preview_of(
            ctx, params, change, "Cannot be undone: the edge carries the same traffic as before."
        )

    def read_back(self, ctx: ActionContext, params: EdgeParams) -> ReadBack:
        """A reset has no trace of its own: an edge that is up counts as reset, one that is not may be reset again."""
        return "applied" if edges(ctx)[params.edge].get("ok") else "not_applied"
