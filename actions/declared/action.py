"""An action made of a manifest's declaration. It passes the same gate as those of the catalogue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from actions import vault
from actions.base import (
    Action,
    ActionContext,
    ActionFailed,
    ActionRefused,
    Params,
    Preview,
    ReadBack,
    Result,
    sha256,
)
from actions.declared import floors, inventory, reading
from actions.declared.reading import Values
from actions.models import Risk
from actions.risk import ORDER
from actions.trial import Trial
from incidents.plain import counted
from systems.declared.calls import CallFailed, CallUnknown, look, shown, tell
from systems.manifest.acting import BEFORE, ActionSpec
from systems.manifest.declared import Call
from systems.services import LoadedSystem

PASSES = (
    "keys",
    "sessions",
    "connections",
    "transactions",
    "processes",
)  # losses that come back by themselves
LONG = 120  # of an effect's words; what is longer is told by its hash


class Declared(Action[Params]):
    """`specs`: service -> its declaration; all of one name. The manifest's checks have seen to it that they agree."""

    def __init__(self, specs: Mapping[str, ActionSpec]) -> None:
        self.specs = dict(specs)
        first = next(iter(self.specs.values()))
        self.slug, self.title = first.name, first.title
        self.risk = max((floors.rated(s) for s in self.specs.values()), key=ORDER.__getitem__)
        self.Params = inventory.model(first)
        self.can_lose = tuple(dict.fromkeys(s.loss.of for s in self.specs.values() if s.loss))
        # the parameter tells on which of the services it is: the others do not list it
        self.finds_own_target = any(p.source is not None for p in first.params.values())

    @property
    def undoable(self) -> bool:
        return all(spec.undo for spec in self.specs.values())

    def targets(self, system: LoadedSystem) -> list[str]:
        return [name for name in self.specs if name in system.services]

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        """The only one, or the only one that lists these values."""
        found = self.targets(system)
        if self.finds_own_target:
            found = [name for name in found if self._lists(ActionContext(system, name), params)]
        return found[0] if len(found) == 1 else None

    def _lists(self, ctx: ActionContext, params: dict[str, Any]) -> bool:
        try:
            known = self.choices(ctx)
        except CallFailed:
            return False
        return all(str(params.get(name)) in values for name, values in known.items())

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        return inventory.choices(ctx.system, ctx.service, self._spec(ctx))

    def effects(self, ctx: ActionContext, params: Params) -> frozenset[str]:
        given = "&".join(f"{k}={quote(str(v), safe='')}" for k, v in params.model_dump().items())
        given = given if len(given) <= LONG else sha256(given)[:32]
        words = {f"declared:{self.slug}/{ctx.target}{'?' if given else ''}{given}"}
        spec = self._spec(ctx)
        words |= {f"access:{self.slug}/{ctx.target}"} if floors.widens(spec.do) else set()
        words |= {f"reaccess:{self.slug}/{ctx.target}"} if floors.widens(spec.undo) else set()
        return frozenset(words)

    def raised_by(self, ctx: ActionContext, params: Params) -> tuple[Risk, str] | None:
        """What its team calls a loss is one, unless such things come back by themselves."""
        counts, words = self._loss(ctx, self._plain(ctx, params))
        for what, number in counts.items():
            if number is None or (number and what not in PASSES):
                return Risk.HIGH, words[0]
        return None

    def touches(self, ctx: ActionContext, params: Params) -> list[str]:
        spec = self._spec(ctx)
        return [ctx.target, *(spec.on(call, ctx.target) for call in (*spec.do, *spec.undo))]

    def fingerprint(self, ctx: ActionContext, params: Params) -> dict[str, Any]:
        """What it is now, where that is what an undo would put back: the approval was of that."""
        spec = self._spec(ctx)
        if spec.before is None:
            return {}
        return {BEFORE: look(ctx.system, ctx.service, spec.before, self._plain(ctx, params))}

    def check(self, ctx: ActionContext, params: Params) -> None:
        """CallFailed, RuntimeFailed: what it depends on cannot be asked now."""
        spec, values = self._spec(ctx), self._exact(ctx, params)
        for call in (*spec.do, *spec.undo):
            if call.way == "exec":
                ctx.runtime.state(ctx.unit(spec.on(call, ctx.target)))
        if spec.before is not None:
            look(ctx.system, ctx.service, spec.before, values)

    def preview(self, ctx: ActionContext, params: Params) -> Preview:
        spec, values = self._spec(ctx), self._exact(ctx, params)
        if spec.before is not None:
            values[BEFORE] = look(ctx.system, ctx.service, spec.before, values)
        counts, words = self._loss(ctx, values)
        undo = _lines(spec.undo, values)
        return Preview(
            _lines(spec.do, values),
            [*reading.foreseen(ctx, spec, values), *words],
            list(dict.fromkeys(self.touches(ctx, params))),
            f"It is taken back by: {undo}"
            if undo
            else "Cannot be undone: nothing is declared that takes it back.",
            loss=counts,
        )

    def try_out(self, ctx: ActionContext, params: Params) -> Trial | None:
        """CallFailed: that it cannot be tried now."""
        spec = self._spec(ctx)
        return reading.tried(ctx, spec.beforehand, self._exact(ctx, params)) if spec.beforehand else None

    def prepare(self, ctx: ActionContext, params: Params) -> dict[str, Any]:
        """What fills the blanks is asked of the inventories once more. It may be secret, so the vault has it."""
        spec, values = self._spec(ctx), self._exact(ctx, params)
        if spec.before is not None:
            values[BEFORE] = look(ctx.system, ctx.service, spec.before, values)
        patience = sum(2 * call.timeout_s for call in spec.do) + (spec.check.within_s if spec.check else 0)
        return {
            "vault": vault.put({"values": values}),
            "undone_by": _as_declared(spec),
            "settles_at": time.time() + patience,
        }

    def execute(self, ctx: ActionContext, params: Params) -> Result:
        spec, values = self._spec(ctx), self._kept(ctx.undo or {})
        lost, _ = self._loss(ctx, values)
        done: list[str] = []
        try:
            _tell(ctx, spec.do, values, done)
        except CallUnknown:
            raise
        except CallFailed as error:
            if not done:
                raise ActionFailed(f"it did not take place: {error}") from error
            return Result(False, f"{'; '.join(done)}; but then: {error}", lost=lost)
        met, seen = reading.await_met(ctx, spec, values)
        return Result(met, "; ".join([*done, seen] if seen else done), lost=lost)

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        spec = self._spec(ctx)
        if why := self.may_roll_back(ctx, undo):
            raise ActionRefused(why)
        values = self._kept(undo)
        done: list[str] = []
        try:
            _tell(ctx, spec.undo, values, done)
        except CallUnknown:
            raise
        except CallFailed as error:
            before = f"{'; '.join(done)}; but then: " if done else "it was not put back: "
            raise ActionFailed(f"{before}{error}") from error
        back, seen = reading.await_back(ctx, spec, values)
        return Result(back, "; ".join([*done, seen] if seen else done))

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        spec = self._spec(ctx)
        if not spec.undo:
            return f"{self.slug} cannot be undone"
        if undo.get("undone_by") != _as_declared(spec):
            return "how it is undone was declared otherwise when it was done: what that was is not kept"
        return None

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        spec = self._spec(ctx)
        values = self._kept(undo) if spec.undo else {}
        return [shown(call, values) for call in spec.undo]

    def is_back(self, ctx: ActionContext, params: Params, undo: dict[str, Any]) -> ReadBack:
        back = reading.is_back(ctx, self._spec(ctx), self._kept(undo))
        return "unknown" if back is None else "applied" if back else "not_applied"

    def read_back(self, ctx: ActionContext, params: Params) -> ReadBack:
        """What was sent may still be on its way: it counts as not applied once all the time it had is over."""
        spec, undo = self._spec(ctx), ctx.undo or {}
        if spec.check is None:
            return "unknown"
        if reading.met(ctx, spec.check, self._kept(undo)):
            return "applied"
        return "not_applied" if time.time() >= undo.get("settles_at", 0) else "unknown"

    def _spec(self, ctx: ActionContext) -> ActionSpec:
        try:
            return self.specs[ctx.target]
        except KeyError:
            raise ActionRefused(f"{ctx.target} declares no {self.slug}") from None

    def _plain(self, ctx: ActionContext, params: Params) -> Values:
        """What fills the blanks, as it was asked for."""
        return {"service": ctx.target, **params.model_dump()}

    def _exact(self, ctx: ActionContext, params: Params) -> Values:
        return inventory.exact(ctx.system, ctx.service, self._spec(ctx), params.model_dump())

    def _kept(self, undo: dict[str, Any]) -> Values:
        try:
            return dict(vault.get(str(undo.get("vault")))["values"])
        except (FileNotFoundError, ValueError):
            raise ActionRefused("what filled its blanks is not kept any more") from None

    def _loss(self, ctx: ActionContext, values: Values) -> tuple[dict[str, int | None], list[str]]:
        """Counted now: by what they are called, and a line for people."""
        spec = self._spec(ctx).loss
        if spec is None:
            return {}, []
        try:
            number = reading.count(ctx, spec, values)
        except CallFailed as error:
            return {spec.of: None}, [f"how many {spec.of} would be gone could not be counted: {error}"]
        return ({spec.of: number}, [f"{counted(number, spec.of)} would be gone"]) if number else ({}, [])


def _tell(ctx: ActionContext, calls: list[Call], values: Values, done: list[str]) -> None:
    """Make the calls in their order, each after a look at the fence. `done`: is given a line for each that was."""
    for number, call in enumerate(calls, 1):
        ctx.guard()
        key = f"{ctx.request_id}-{number}" if ctx.request_id else ""
        answer = tell(ctx.system, ctx.service, call, values, fence=ctx.fence, key=key)
        done.append(f"{shown(call, values)}: {answer.words or 'done'}")


def _lines(calls: list[Call], values: Values) -> str:
    return "; ".join(shown(call, values) for call in calls)


def _as_declared(spec: ActionSpec) -> str:
    """A mark of how it is undone, without what headers hold: those are changed when a key is."""
    return sha256([(call.way, call.on, shown(call, {})) for call in spec.undo])
