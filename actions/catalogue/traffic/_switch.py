"""Switching the consumers of something to its fallback or back: one key of their config, then a reload."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import yaml

from actions import effects, vault
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
from actions.catalogue import _golden
from systems import yamlsafe
from systems.manifest.types import FallbackSpec
from systems.services import LoadedSystem


class Switch(Action[NoParams]):
    """`to`: which of the manifest's two values. Subclasses name themselves and their targets."""

    to: ClassVar[Literal["primary", "fallback"]]

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset({f"provider:{ctx.target}={self.to}"}) | effects.reloads(
            ctx, [n for n, _ in _files(ctx)]
        )

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        for name, file in _files(ctx):
            _read(ctx, name, file)
        standby = ctx.system.service(_spec(ctx).service if self.to == "fallback" else ctx.target)
        if not effects.answers(ctx.system, standby):
            raise ActionRefused(f"{standby.name} does not answer either, so switching to it would not help")

    def touches(self, ctx: ActionContext, params: NoParams) -> list[str]:
        return [ctx.target, *(name for name, _ in _files(ctx))]

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        spec, value = _spec(ctx), self._value(ctx)
        files = _files(ctx)
        return Preview(
            f"set {spec.key}: {value} in {', '.join(file for _, file in files)};"
            f" reload {', '.join(n for n, _ in files)}",
            [f"{n}: {spec.key}: {_get(_read(ctx, n, file), spec.key)} -> {value}" for n, file in files],
            [name for name, _ in files],
            "The old config files are kept and can be put back.",
        )

    def _value(self, ctx: ActionContext) -> str:
        spec = _spec(ctx)
        return spec.fallback if self.to == "fallback" else spec.primary

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        old = {file: effects.read_or_none(ctx.system.path(file)) for _, file in _files(ctx)}
        before = ctx.system.service(ctx.target if self.to == "fallback" else _spec(ctx).service)
        return {
            "vault": vault.put({"files": old}),
            "pids": effects.pids(ctx, [n for n, _ in _files(ctx)]),
            "answered": effects.answers(ctx.system, before),
        }

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        spec, value = _spec(ctx), self._value(ctx)
        done = []
        for name, file in _files(ctx):
            data = _read(ctx, name, file)
            _set(data, spec.key, value)
            text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
            ctx.guard()
            effects.write_whole(ctx.system.path(file), text.encode())
        for name, _ in _files(ctx):
            done.append(effects.reload(ctx, name))
        return Result(True, f"{spec.key} is now {value}; " + "; ".join(done))

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        try:
            effects.put_files(ctx, vault.get(str(undo["vault"]))["files"])
        except FileNotFoundError:
            raise ActionFailed("the copy of the old files is gone") from None
        return Result(True, "; ".join(effects.reload(ctx, name) for name, _ in _files(ctx)))

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return None if undo.get("answered") else "what was used before did not answer"

    def is_back(self, ctx: ActionContext, params: NoParams, undo: dict[str, Any]) -> ReadBack:
        return _golden.is_back(ctx, undo)

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        """Applied means: written and surely loaded; a reload signal leaves no trace, repeating is safe."""
        spec, value = _spec(ctx), self._value(ctx)
        written = all(_get(_read(ctx, n, file), spec.key) == value for n, file in _files(ctx))
        return (
            "applied"
            if written and effects.restarted_since(ctx, [n for n, _ in _files(ctx)])
            else "not_applied"
        )


def with_fallback(system: LoadedSystem, external: bool) -> list[str]:
    return [n for n, s in system.services.items() if s.fallback and (s.unit is None) == external]


def _spec(ctx: ActionContext) -> FallbackSpec:
    spec = ctx.service.fallback
    if spec is None:
        raise ActionRefused(f"the manifest declares no fallback for {ctx.target}")
    return spec


def _files(ctx: ActionContext) -> list[tuple[str, str]]:
    """(consumer, its config file), groups expanded."""
    names = [m for c in _spec(ctx).consumers for m in ctx.system.members(c)]
    found = []
    for name in dict.fromkeys(names):
        config = ctx.system.service(name).config
        if config is None:
            raise ActionRefused(f"{name} has no config file in the manifest")
        found.append((name, config.file))
    return found


def _read(ctx: ActionContext, name: str, file: str) -> dict[str, Any]:
    try:
        data = yamlsafe.load(ctx.system.path(file).read_text(), aliases=True)
    except (OSError, UnicodeDecodeError, yamlsafe.Refused) as error:
        raise ActionRefused(f"the config of {name} cannot be read ({file}): restore it first") from error
    if not isinstance(data, dict):
        raise ActionRefused(f"the config of {name} is not a mapping ({file}): restore it first")
    return data


def _get(data: dict[str, Any], dotted: str) -> Any:
    item: Any = data
    for part in dotted.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return item


def _set(data: dict[str, Any], dotted: str, value: str) -> None:
    *parents, last = dotted.split(".")
    for part in parents:
        below = data.setdefault(part, {})
        if not isinstance(below, dict):
            raise ActionFailed(f"{dotted} cannot be set: {part} is not a mapping")
        data = below
    data[last] = value
