"""Write a service's environment file anew from its golden copy, then restart it. Values are never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from actions import effects
from actions.base import Action, ActionContext, Params, Preview, ReadBack, Result
from actions.catalogue import _golden
from actions.catalogue.processes.rolling_restart import one_by_one
from actions.models import Risk
from actions.trial import Trial
from systems.envfile import EnvFileError, read_env_file
from systems.services import LoadedSystem


class EnvParams(Params):
    restart: bool = Field(True, description="restart what reads it, so that it takes effect")


class RegenerateEnv(Action[EnvParams]):
    slug = "regenerate-env"
    puts_back_signals = ("env_drift",)
    title = "Regenerate the environment from its golden copy"
    risk = Risk.LOW
    risk_by_kind = {"postgres": Risk.HIGH, "redis": Risk.MEDIUM}
    Params = EnvParams
    groups = True
    aliases = ("regenerate-secrets", "restore-env")

    def targets(self, system: LoadedSystem) -> list[str]:
        own = [n for n, s in system.services.items() if s.env and s.env.golden]
        return [g for g, names in system.graph.groups.items() if set(names) <= set(own)] + own

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        """The component whose environment differs from its golden copy, else the first that has one."""
        found = self.targets(system)
        drifted = [
            n
            for n in found
            if n in system.services and not _golden.same(ActionContext(system, n), _of(system, [n]))
        ]
        components = {system.graph.component(n) for n in drifted}
        if len(components) > 1:
            return None
        return components.pop() if components else (found[0] if found else None)

    def effects(self, ctx: ActionContext, params: EnvParams) -> frozenset[str]:
        return frozenset(f"env:{n}" for n in ctx.members) | (
            effects.restarts(ctx.members) if params.restart else frozenset()
        )

    def check(self, ctx: ActionContext, params: EnvParams) -> None:
        _golden.check(ctx, _of(ctx.system, ctx.members))

    def try_out(self, ctx: ActionContext, params: EnvParams) -> Trial | None:
        """Whether the copy that is put there has all that has to stand in it."""
        lacking = []
        for name, _, golden in _of(ctx.system, ctx.members):
            env = ctx.system.service(name).env
            there = read_env_file(ctx.system.path(golden))
            lacking += [f"{golden} has no {key}" for key in (env.required if env else []) if key not in there]
        found = lacking or ["all keys that have to be there are there"]
        return Trial("failed" if lacking else "held", "its golden copy", list(dict.fromkeys(found)))

    def fingerprint(self, ctx: ActionContext, params: EnvParams) -> dict[str, Any]:
        return {
            golden: effects.digest(ctx.system.path(golden)) for _, _, golden in _of(ctx.system, ctx.members)
        }

    def preview(self, ctx: ActionContext, params: EnvParams) -> Preview:
        changes: list[str] = []
        for name, file, golden in _of(ctx.system, ctx.members):
            changes += _key_changes(name, ctx.system.path(file), ctx.system.path(golden))
        words = "; ".join(f"copy {golden} to {file}" for _, file, golden in _of(ctx.system, ctx.members))
        if params.restart:
            words += "; " + "; ".join(f"restart {n}" for n in ctx.members)
        return Preview(words, changes, ctx.members, "The files as they are now are kept and can be put back.")

    def prepare(self, ctx: ActionContext, params: EnvParams) -> dict[str, Any]:
        return _golden.prepare(ctx, _of(ctx.system, ctx.members)) | {"restart": params.restart}

    def execute(self, ctx: ActionContext, params: EnvParams) -> Result:
        _golden.apply(ctx, _of(ctx.system, ctx.members))
        done = one_by_one(ctx, ctx.members) if params.restart else []
        return Result(True, "; ".join(["environment regenerated", *done]))

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        _golden.put_back(ctx, undo)
        done = one_by_one(ctx, ctx.members) if undo.get("restart") else []
        return Result(True, "; ".join(["the environment is as it was", *done]))

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return _golden.known_bad(ctx, _of(ctx.system, ctx.members), undo)

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        return _golden.lost_by_undo(ctx, _of(ctx.system, ctx.members))

    def is_back(self, ctx: ActionContext, params: EnvParams, undo: dict[str, Any]) -> ReadBack:
        return _golden.is_back(ctx, undo)

    def read_back(self, ctx: ActionContext, params: EnvParams) -> ReadBack:
        if not _golden.same(ctx, _of(ctx.system, ctx.members)):
            return "not_applied"
        restarted = not params.restart or effects.restarted_since(ctx, ctx.members)
        return "applied" if restarted else "not_applied"


def _of(system: LoadedSystem, names: list[str]) -> list[_golden.Pair]:
    specs = [(n, system.service(n).env) for n in names]
    return [(n, spec.file, spec.golden) for n, spec in specs if spec is not None and spec.golden]


def _key_changes(name: str, file: Path, golden: Path) -> list[str]:
    """Which keys change, never to what."""
    wanted = read_env_file(golden)
    try:
        now = read_env_file(file)
    except OSError:
        return [f"{name}: the file is missing and is written anew ({len(wanted)} keys)"]
    except EnvFileError as error:
        return [f"{name}: the file is damaged ({error}) and is written anew"]
    lines = [f"{name}: {k} is missing and is set" for k in wanted if k not in now]
    lines += [
        f"{name}: {k} differs and is set to its golden value"
        for k in wanted
        if k in now and now[k] != wanted[k]
    ]
    lines += [f"{name}: {k} is not in the golden copy and is removed" for k in now if k not in wanted]
    return lines or [f"{name}: the file is the golden copy already"]
