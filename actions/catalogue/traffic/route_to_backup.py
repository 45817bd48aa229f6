"""Have a proxy send the traffic of a service to the backup its manifest entry declares."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.manifest.types import BackupSpec
from systems.services import LoadedSystem


class RouteToBackup(Action[NoParams]):
    slug = "route-to-backup"
    title = "Route traffic to the backup"
    risk = Risk.LOW
    groups = True
    use_backup = True
    ended_by: ClassVar[str] = "route-to-primary"
    over_when: ClassVar[Literal["well", "unchanged", ""]] = "well"

    def targets(self, system: LoadedSystem) -> list[str]:
        own = [n for n, s in system.services.items() if s.backup]
        return [g for g, names in system.graph.groups.items() if set(names) <= set(own)] + own

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        found = {system.graph.component(n) for n in self.targets(system) if n in system.services}
        return found.pop() if len(found) == 1 else None

    def touches(self, ctx: ActionContext, params: NoParams) -> list[str]:
        return [*ctx.members, _spec(ctx).proxy]

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"route:{n}={'backup' if self.use_backup else 'primary'}" for n in ctx.members)

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        spec = _spec(ctx)
        if spec.use not in _pools(ctx) or spec.pool not in _pools(ctx):
            raise ActionRefused(f"{spec.proxy} has no pool {spec.use!r} or {spec.pool!r}")
        if self.use_backup and not any(m.get("up") for m in _pools(ctx)[spec.use].get("members", [])):
            raise ActionRefused(f"the backup {spec.use} is not up either")

    def _wanted(self, ctx: ActionContext) -> str:
        return _spec(ctx).use if self.use_backup else _spec(ctx).pool

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        spec, now = _spec(ctx), _pools(ctx)[_spec(ctx).pool].get("sent_to", "?")
        return Preview(
            f"POST {_url(ctx, self._wanted(ctx))}",
            [f"{spec.proxy}: traffic of {spec.pool} goes to {now} -> {self._wanted(ctx)}"],
            [spec.proxy],
            f"Send it to {now} again.",
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        pools = _pools(ctx)
        before = pools[_spec(ctx).pool].get("sent_to")
        return {
            "sent_to": before,
            "up": any(m.get("up") for m in pools.get(str(before), {}).get("members", [])),
        }

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        ctx.guard()
        effects.call("POST", _url(ctx, self._wanted(ctx)))
        return Result(True, f"traffic of {_spec(ctx).pool} goes to {self._wanted(ctx)}")

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        effects.call("POST", _url(ctx, str(undo["sent_to"])))
        return Result(True, f"traffic of {_spec(ctx).pool} goes to {undo['sent_to']} again")

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return None if undo.get("up") else f"nothing of {undo.get('sent_to')} was up before"

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return (
            "applied" if _pools(ctx)[_spec(ctx).pool].get("sent_to") == self._wanted(ctx) else "not_applied"
        )


def _spec(ctx: ActionContext) -> BackupSpec:
    spec = ctx.service.backup
    if spec is None:
        raise ActionRefused(f"the manifest declares no backup for {ctx.target}")
    return spec


def _url(ctx: ActionContext, pool: str) -> str:
    spec = _spec(ctx)
    return effects.control(ctx.system.service(spec.proxy), "use_pool", pool=spec.pool, other=pool)


def _pools(ctx: ActionContext) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = effects.call(
        "GET", effects.control(ctx.system.service(_spec(ctx).proxy), "pools")
    )
    return found
