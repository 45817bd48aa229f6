"""Restart the members of a group one after the other, each only when the one before answers again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from actions import effects
from actions.base import Action, ActionContext, ActionFailed, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem


class RollingRestart(Action[NoParams]):
    slug = "rolling-restart"
    title = "Restart a group, one member at a time"
    risk = Risk.LOW
    needs_unit = True
    risk_by_kind = {"postgres": Risk.HIGH, "redis": Risk.MEDIUM, "link": Risk.MEDIUM}
    can_lose = ("keys", "messages", "sessions", "transactions")
    groups = True

    def targets(self, system: LoadedSystem) -> list[str]:
        groups = [g for g, names in system.graph.groups.items() if all(system.service(n).unit for n in names)]
        return groups + effects.controllable(system.services)

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return effects.restarts(ctx.members)

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        for name in ctx.members:
            ctx.runtime.state(ctx.unit(name))

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        names = ctx.members
        return Preview(
            "; then ".join(f"restart {ctx.unit(n)} and wait until it answers" for n in names),
            [f"{n}: a new process" for n in names],
            names,
            "Cannot be undone: the same programs start again with their present files.",
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"pids": effects.pids(ctx, ctx.members)}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        return Result(True, "; ".join(one_by_one(ctx, ctx.members)))

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "applied" if effects.restarted_since(ctx, ctx.members) else "not_applied"


def one_by_one(ctx: ActionContext, names: list[str]) -> list[str]:
    """Restart each. Members of one group follow each other, and the first that does not come back stops its group, so
    that the others keep serving; services of different groups go side by side. ActionFailed says who did not come
    back."""
    components: dict[str, list[str]] = {}
    for name in names:
        components.setdefault(ctx.system.graph.component(name), []).append(name)
    ctx.guard()
    # The runtime's own token check guards the threads: they hold no database connection.
    inside = replace(ctx, guard=lambda: None)
    with ThreadPoolExecutor(max(1, len(components))) as pool:
        results = list(pool.map(lambda members: _in_turn(inside, members), components.values()))
    done = [line for lines, _ in results for line in lines]
    failed = [problem for _, problem in results if problem]
    if failed:
        raise ActionFailed("; ".join([*done, *failed]))
    return done


def _in_turn(ctx: ActionContext, names: list[str]) -> tuple[list[str], str]:
    """What was done, and the problem that ended it."""
    done: list[str] = []
    for name in names:
        try:
            done.append(effects.restart(ctx, name))
        except ActionFailed as error:
            return done, f"{error}; the rest of its group was left alone"
    return done, ""
