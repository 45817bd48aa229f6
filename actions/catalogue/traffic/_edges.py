"""Links of the manifest at the control address of the part that carries them."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from actions import effects
from actions.base import Action, ActionContext, Params, Preview, ReadBack, Result
from systems.manifest.types import Link
from systems.services import LoadedSystem


class EdgeParams(Params):
    edge: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$", description="a link of the manifest")


class EdgeAction(Action[EdgeParams]):
    Params = EdgeParams
    finds_own_target = True
    verb: ClassVar[str]
    word: ClassVar[str]  # of its effect

    def targets(self, system: LoadedSystem) -> list[str]:
        used = dict.fromkeys(link.service for link in system.manifest.links)
        return [n for n in used if system.service(n).control]

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        owners = {link.service for link in system.manifest.links if link.name == params.get("edge")}
        return owners.pop() if len(owners) == 1 else None

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        return {"edge": sorted(link.name for link in ctx.system.manifest.links if link.service == ctx.target)}

    def effects(self, ctx: ActionContext, params: EdgeParams) -> frozenset[str]:
        return frozenset({f"{self.word}:{params.edge}"})

    def check(self, ctx: ActionContext, params: EdgeParams) -> None:
        edges(ctx)

    def radius(self, ctx: ActionContext, params: EdgeParams) -> list[str]:
        return [ctx.target, link(ctx, params).source]

    def execute(self, ctx: ActionContext, params: EdgeParams) -> Result:
        ctx.guard()
        effects.call("POST", address(ctx, params.edge, self.verb))
        ok = effects.wait_until(lambda: bool(edges(ctx)[params.edge].get("ok")), 6)
        now = edges(ctx)[params.edge]
        return Result(
            ok, f"edge {params.edge} is {'up' if ok else 'still down'} on path {now.get('path', '?')}"
        )

    def preview_of(self, ctx: ActionContext, params: EdgeParams, change: str, undo: str) -> Preview:
        url = address(ctx, params.edge, self.verb)
        return Preview(
            f"POST {url}", [change, "open connections over this edge are cut"], self.radius(ctx, params), undo
        )

    def prepare(self, ctx: ActionContext, params: EdgeParams) -> dict[str, Any]:
        now = edges(ctx)[params.edge]
        return {"edge": params.edge, "path": now.get("path"), "ok": bool(now.get("ok"))}

    def read_back(self, ctx: ActionContext, params: EdgeParams) -> ReadBack:
        return "unknown"


def address(ctx: ActionContext, edge: str, verb: str) -> str:
    return effects.control(ctx.service, f"{verb}_link", link=edge)


def edges(ctx: ActionContext) -> dict[str, dict[str, Any]]:
    return {str(e["name"]): e for e in effects.call("GET", effects.control(ctx.service, "links"))}


def link(ctx: ActionContext, params: EdgeParams) -> Link:
    return next(item for item in ctx.system.manifest.links if item.name == params.edge)
