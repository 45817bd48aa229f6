"""Put the golden config of a service (or of every member of a group) back, and reload it by its declared way."""

from __future__ import annotations

from typing import Any

from actions import effects
from actions.base import Action, ActionContext, NoParams, Preview, ReadBack, Result
from actions.catalogue import _golden
from actions.catalogue.settings import _tried
from actions.models import Risk
from actions.trial import Trial, together
from systems.services import LoadedSystem


class RestoreConfig(Action[NoParams]):
    slug = "restore-config"
    puts_back_signals = ("config_drift",)
    title = "Restore the config from its golden copy"
    risk = Risk.LOW
    risk_by_kind = {"postgres": Risk.HIGH, "redis": Risk.MEDIUM}
    groups = True
    aliases = ("restore-config-from-backup", "reload-config", "adjust-timeouts")

    def targets(self, system: LoadedSystem) -> list[str]:
        own = [n for n, s in system.services.items() if s.config]
        return [g for g, names in system.graph.groups.items() if set(names) <= set(own)] + own

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        drifted = [n for n in self.targets(system) if n in system.services and not _same(system, n)]
        components = {system.graph.component(n) for n in drifted}
        return components.pop() if len(components) == 1 else None

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"config:{n}" for n in ctx.members) | effects.reloads(ctx, ctx.members)

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        _golden.check(ctx, _pairs(ctx))

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        pairs = _pairs(ctx)
        changes: list[str] = []
        for name, file, golden in pairs:
            old, new = effects.read_or_none(ctx.system.path(file)), ctx.system.path(golden).read_bytes()
            changes += _golden.text_changes(name, old, new)
        ways = [f"copy {golden} to {file}, reload {name} ({_way(ctx, name)})" for name, file, golden in pairs]
        return Preview(
            "; ".join(ways), changes, ctx.members, "The files as they are now are kept and can be put back."
        )

    def try_out(self, ctx: ActionContext, params: NoParams) -> Trial | None:
        copies = {golden: name for name, _, golden in _pairs(ctx)}
        tried = (
            _tried.config(ctx, name, ctx.system.path(golden).read_bytes()) for golden, name in copies.items()
        )
        return together(trial for trial in tried if trial is not None)

    def fingerprint(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {golden: effects.digest(ctx.system.path(golden)) for _, _, golden in _pairs(ctx)}

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return _golden.prepare(ctx, _pairs(ctx))

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        pairs = _pairs(ctx)
        _golden.apply(ctx, pairs)
        return Result(
            True, "golden config restored; " + "; ".join(effects.reload(ctx, name) for name, _, _ in pairs)
        )

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        _golden.put_back(ctx, undo)
        return Result(True, "; ".join(effects.reload(ctx, name) for name, _, _ in _pairs(ctx)))

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        return _golden.puts_back(ctx, _pairs(ctx), undo)

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return _golden.known_bad(ctx, _pairs(ctx), undo)

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        return _golden.lost_by_undo(ctx, _pairs(ctx))

    def is_back(self, ctx: ActionContext, params: NoParams, undo: dict[str, Any]) -> ReadBack:
        return _golden.is_back(ctx, undo)

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        """Whether a HUP was sent leaves no trace, so that counts as not applied: the action is safe to repeat."""
        pairs = _pairs(ctx)
        restarts = [n for n, _, _ in pairs if _way(ctx, n) == "restart"]
        certain = _golden.same(ctx, pairs) and all(_way(ctx, n) != "HUP" for n, _, _ in pairs)
        return "applied" if certain and effects.restarted_since(ctx, restarts) else "not_applied"


def _pairs(ctx: ActionContext) -> list[_golden.Pair]:
    specs = [(n, ctx.system.service(n).config) for n in ctx.members]
    return [(n, spec.file, spec.golden) for n, spec in specs if spec is not None]


def _way(ctx: ActionContext, name: str) -> str:
    spec = ctx.system.service(name).config
    return spec.reload if spec else "restart"


def _same(system: LoadedSystem, name: str) -> bool:
    spec = system.service(name).config
    return spec is None or effects.read_or_none(system.path(spec.file)) == effects.read_or_none(
        system.path(spec.golden)
    )
