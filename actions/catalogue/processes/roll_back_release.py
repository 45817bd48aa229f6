"""Switch a service (or every member of a group) to its previous release."""

from __future__ import annotations

from typing import Any

from actions import effects
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
from systems.services import LoadedSystem

CANARY = "one after the other: the next only once the one before answers on it"


class RollBackRelease(Action[NoParams]):
    slug = "roll-back-release"
    title = "Roll back to the previous release"
    risk = Risk.MEDIUM
    needs_unit = True
    groups = True
    aliases = ("rollback-release", "roll-back")

    def targets(self, system: LoadedSystem) -> list[str]:
        own = [n for n, s in system.services.items() if s.unit and s.release and s.release.previous]
        return [g for g, names in system.graph.groups.items() if set(names) <= set(own)] + own

    def touches(self, ctx: ActionContext, params: NoParams) -> list[str]:
        return _sharing(ctx)

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"release:{n}" for n in _sharing(ctx)) | effects.restarts(_sharing(ctx))

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        if all(now == previous for _, now, previous in _plan(ctx)):
            raise ActionRefused(f"{ctx.target} runs its previous release already")

    def fingerprint(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {name: now for name, now, _ in _plan(ctx)}

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        plan = _plan(ctx)
        return Preview(
            "; ".join(f"release {ctx.unit(n)} -> {previous} and restart it" for n, _, previous in plan),
            [f"{n}: release {now} -> {previous}" for n, now, previous in plan]
            + ([CANARY] if len(plan) > 1 else []),
            _sharing(ctx),
            "Switch back to " + ", ".join(sorted({str(now) for _, now, _ in plan})) + ".",
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"releases": {n: now for n, now, _ in _plan(ctx)}, "pids": effects.pids(ctx, _sharing(ctx))}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        return _switch(ctx, {n: previous for n, _, previous in _plan(ctx)})

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        return _switch(ctx, {n: v for n, v in undo["releases"].items() if v})

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        now = {name: release for name, release, _ in _plan(ctx)}
        return [f"{n}: release {now.get(n)} -> {then}" for n, then in undo["releases"].items() if then]

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return "the release before is the one that ran when the trouble was seen"

    def is_back(self, ctx: ActionContext, params: NoParams, undo: dict[str, Any]) -> ReadBack:
        now = {name: release for name, release, _ in _plan(ctx)}
        return (
            "applied"
            if all(now.get(n) == then for n, then in undo["releases"].items() if then)
            else "not_applied"
        )

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        switched = all(now == previous for _, now, previous in _plan(ctx))
        return "applied" if switched and effects.restarted_since(ctx, _sharing(ctx)) else "not_applied"


def _sharing(ctx: ActionContext) -> list[str]:
    """Everything that runs from the same link: one switch changes them all. Images are switched one by one."""
    links = {s.release.link for n in ctx.members if (s := ctx.system.service(n)).release and s.release.link}
    return [
        n
        for n, s in ctx.system.services.items()
        if s.unit and s.release and (s.release.link in links or n in ctx.members)
    ]


def _plan(ctx: ActionContext) -> list[tuple[str, str | None, str]]:
    """(service, release now, release wanted)"""
    found = []
    for name in _sharing(ctx):
        release = ctx.system.service(name).release
        if release is None or not release.previous:
            raise ActionRefused(f"the manifest names no previous release of {name}")
        found.append((name, ctx.runtime.state(ctx.unit(name)).release, release.previous))
    return found


def _switch(ctx: ActionContext, wanted: dict[str, str]) -> Result:
    done: list[str] = []
    for name, version in wanted.items():
        ctx.guard()
        ctx.runtime.release(ctx.unit(name), version, ctx.fence)
        if not effects.wait_until(
            lambda n=name: effects.answers(ctx.system, ctx.system.service(n)),  # type: ignore[misc]
            effects.READY_S,
        ):
            raise ActionFailed(
                "; ".join([*done, f"{name} does not answer on release {version}; the rest was left alone"])
            )
        done.append(f"{name} runs release {version}")
    return Result(True, "; ".join(done))
