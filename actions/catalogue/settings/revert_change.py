"""Take one change of the ledger back: the value as it was, by the inverse of its kind, and only while it still is what
the change made of it. The rules are in actions/reverts.py."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from actions import effects, reverting, reverts, takeback, vault
from actions.base import Action, ActionContext, ActionFailed, ActionRefused, Params, Preview, ReadBack, Result
from actions.catalogue.settings import _tried
from actions.models import Risk
from actions.trial import Trial, together
from systems.models import ChangeRow
from systems.redact import MASK
from systems.services import LoadedSystem
from systems.state import inverses, present
from systems.state.inverses.files import golden
from systems.state.inverses.types import Write

LISTED = 200  # changes of a part that can be named
IN_EFFECT_S = 4.0  # a server that was told to read its settings has done so


class ChangeParams(Params):
    change: str = Field("", pattern=r"^\d{0,18}$", description="the number of the change in the ledger")


class RevertChange(Action[ChangeParams]):
    slug = reverts.SLUG
    title = "Take a change back"
    risk = Risk.MEDIUM
    Params = ChangeParams
    can_lose = ("sessions",)

    def targets(self, system: LoadedSystem) -> list[str]:
        return list(system.services)

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        number = str(params.get("change", ""))
        if system.id is None or not number.isdecimal():
            return None
        row = ChangeRow.objects.filter(system_id=system.id, pk=int(number)).first()
        return row.component if row is not None and row.component in system.services else None

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        rows = ChangeRow.objects.filter(system_id=takeback.system_id(ctx), component=ctx.target).order_by(
            "-pk"
        )
        return {"change": [str(pk) for pk in rows.values_list("pk", flat=True)[:LISTED]]}

    def effects(self, ctx: ActionContext, params: ChangeParams) -> frozenset[str]:
        row = takeback.row_of(ctx, params.change)
        if row is None:
            return frozenset({f"revert:{ctx.target}/{params.change}"})
        place = f"{row.component}/{row.area}/{row.what}"
        found = {f"revert:{place}"}
        for name, way in takeback.loads(ctx, row).items():
            found |= effects.reloads(ctx, [name]) if way == "reload" else effects.restarts([name])
        if inverses.widens(row.kind, row.what, row.after, row.before):
            found.add(f"access:{place}")
        if inverses.widens(row.kind, row.what, row.before, row.after):
            found.add(f"reaccess:{place}")
        return frozenset(found)

    def touches(self, ctx: ActionContext, params: ChangeParams) -> list[str]:
        row = takeback.row_of(ctx, params.change)
        return list(dict.fromkeys([ctx.target, *(takeback.loads(ctx, row) if row else ())]))

    def check(self, ctx: ActionContext, params: ChangeParams) -> None:
        row = takeback.known(ctx, params.change)
        if why := reverts.why_not(takeback.system_id(ctx), row):
            raise ActionRefused(f"{row.words}: {why}")
        now = takeback.look(ctx, row)
        if not now.is_as_changed:
            was = " already" if now.is_as_before else f", but {_shown(row, now)}"
            state = (
                f"it is as it was before{was}"
                if now.is_as_before
                else f"it is not what the change made of it any more{was}"
            )
            raise ActionRefused(f"{row.words}: {state}")
        _, inverse = takeback.inverse(ctx, row, now)
        if why := reverting.forbidden(ctx, inverse.steps):
            raise ActionRefused(f"{row.words}: {why}")

    def raised_by(self, ctx: ActionContext, params: ChangeParams) -> tuple[Risk, str] | None:
        row = takeback.known(ctx, params.change)
        if inverses.widens(row.kind, row.what, row.after, row.before):
            return Risk.HIGH, "it would let somebody do more than now, which a person decides"
        if inverses.widens(row.kind, row.what, row.before, row.after):
            return Risk.HIGH, "it changes who may do what, which a person decides"
        if takeback.inverse(ctx, row, takeback.look(ctx, row))[1].rewrites:
            return Risk.HIGH, "the table is written anew, and nobody else can use it meanwhile"
        if (later := reverts.depending(row)) is not None:
            return Risk.HIGH, f"a later change may need the value of now: {later.words}"[:300]
        return None

    def only_for_people(self, ctx: ActionContext, params: ChangeParams) -> str | None:
        row = takeback.known(ctx, params.change)
        why = reverts.for_people(ctx.system, row, ctx.incident_id)
        return f"{row.words}: {why}" if why else None

    def asks(self, ctx: ActionContext, params: ChangeParams) -> str:
        return reverts.asks(takeback.system_id(ctx), takeback.known(ctx, params.change))

    def fingerprint(self, ctx: ActionContext, params: ChangeParams) -> dict[str, Any]:
        row = takeback.known(ctx, params.change)
        return {"now": takeback.look(ctx, row).mark, "allowed": reverts.why_not(takeback.system_id(ctx), row)}

    def preview(self, ctx: ActionContext, params: ChangeParams) -> Preview:
        row = takeback.known(ctx, params.change)
        now = takeback.look(ctx, row)
        wanted, inverse = takeback.inverse(ctx, row, now)
        ends = reverting.sessions(ctx, inverse.steps)
        changes = [
            f"`{row.what}` of {row.component}: {_short(row.after)} -> {_short(row.before)}",
            *inverse.notes,
        ]
        changes += [_taken_up(name, way) for name, way in inverse.loads.items()]
        besides = [*reverting.loaded_besides(ctx, inverse.steps), *reverting.waiting(row, inverse.loads)]
        if besides:
            changes.append(f"what is read again takes this up as well: {', '.join(besides[:8])}")
        if ends:
            changes.append(f"{ends} idle sessions that began since carry the value, and are ended")
        counted = {"sessions": ends} if ends or ends is None else {}
        again = takeback.again(ctx, row, wanted)
        touched = list(dict.fromkeys([ctx.target, *inverse.loads]))
        return Preview(inverse.shown, changes, touched, again, "The change stays.", counted)

    def try_out(self, ctx: ActionContext, params: ChangeParams) -> Trial | None:
        """A configuration that it writes, by the product's own checker."""
        row = takeback.known(ctx, params.change)
        steps = takeback.inverse(ctx, row, takeback.look(ctx, row))[1].steps
        service = ctx.system.service(row.component)
        file = ctx.system.path(service.config.file) if service.config else None
        written = [step for step in steps if isinstance(step, Write) and step.path == file]
        tried = (_tried.config(ctx, row.component, step.content.encode()) for step in written)
        return together(trial for trial in tried if trial is not None)

    def prepare(self, ctx: ActionContext, params: ChangeParams) -> dict[str, Any]:
        row = takeback.known(ctx, params.change)
        if why := reverts.too_many(takeback.system_id(ctx), row, ctx.request_id):
            raise ActionRefused(why)
        now = takeback.look(ctx, row)
        return {
            "change": params.change,
            "vault": vault.put(
                {"value": now.value, "files": reverting.present(takeback.inverse(ctx, row, now)[1].steps)}
            ),
            "pids": effects.pids(ctx, self._restarted(ctx, params)),
        }

    def execute(self, ctx: ActionContext, params: ChangeParams) -> Result:
        row = takeback.known(ctx, params.change)
        now = takeback.look(ctx, row)
        if not now.is_as_changed:
            raise ActionFailed(f"it is not what the change made of it any more: {_shown(row, now)}")
        _, inverse = takeback.inverse(ctx, row, now)
        lost = reverting.sessions(ctx, inverse.steps)
        done = reverting.run(ctx, inverse)
        back = effects.wait_until(lambda: takeback.look(ctx, row).is_put_back, IN_EFFECT_S)
        words = "; ".join(done) + ("" if back else "; and it is not as it was before")
        return Result(back, words, lost={"sessions": lost} if lost else {})

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        """The change is applied again."""
        row, then = takeback.undo(ctx, undo)
        now = takeback.look(ctx, row)
        if now.is_as_changed:
            return Result(True, "it is as the change made it already")
        if not now.is_put_back:
            raise ActionFailed(f"something else has changed it since: {_shown(row, now)}")
        done = reverting.write_back(ctx, takeback.files(undo)) or reverting.run(
            ctx, takeback.inverse_of(ctx, takeback.wanted_of(row, now.value, then))
        )
        back = effects.wait_until(lambda: takeback.look(ctx, row).is_as_changed, IN_EFFECT_S)
        return Result(back, "; ".join(done))

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        row, then = takeback.undo(ctx, undo)
        right = golden(ctx.system, row.component, row.area, row.what)
        if right is not None and takeback.mark(row, right) == row.mark_before:
            return (
                f"`{row.what}` of {row.component} was not what its golden copy says: it would be wrong again"
            )
        if takeback.files(undo):
            return None
        try:
            takeback.inverse_of(ctx, takeback.wanted_of(row, takeback.look(ctx, row).value, then))
        except ActionRefused as error:
            return str(error)
        return None

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        row, then = takeback.undo(ctx, undo)
        if files := takeback.files(undo):
            return [f"{path} is written as it was found" for path in files]
        inverse = takeback.inverse_of(ctx, takeback.wanted_of(row, takeback.look(ctx, row).value, then))
        return [f"the change is applied again: {inverse.shown}", *inverse.notes]

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        row, then = takeback.undo(ctx, undo)
        if takeback.files(undo):
            return {}
        now = takeback.look(ctx, row)
        ends = reverting.sessions(
            ctx, takeback.inverse_of(ctx, takeback.wanted_of(row, now.value, then)).steps
        )
        return {"sessions": ends} if ends or ends is None else {}

    def is_back(self, ctx: ActionContext, params: ChangeParams, undo: dict[str, Any]) -> ReadBack:
        return (
            "applied"
            if takeback.look(ctx, takeback.known(ctx, params.change)).is_as_changed
            else "not_applied"
        )

    def read_back(self, ctx: ActionContext, params: ChangeParams) -> ReadBack:
        row = takeback.known(ctx, params.change)
        # whether a service was told to read its file again leaves no trace: it is safe to repeat
        certain = not any(word.startswith("reload:") for word in self.effects(ctx, params))
        back = takeback.look(ctx, row).is_put_back and effects.restarted_since(
            ctx, self._restarted(ctx, params)
        )
        return "applied" if back and certain else "not_applied"

    def _restarted(self, ctx: ActionContext, params: ChangeParams) -> list[str]:
        words = self.effects(ctx, params)
        return sorted(word.partition(":")[2] for word in words if word.startswith("restart:"))


def _taken_up(name: str, way: str) -> str:
    return (
        f"{name} is started anew" if way in ("restart", "by itself") else f"{name} is told to read it again"
    )


def _shown(row: ChangeRow, now: present.Present) -> str:
    if MASK in f"{row.before}{row.after}":
        return "it is another value, which is not shown"
    return f"it is {_short(now.value)} now"


def _short(value: str | None) -> str:
    return "(not there)" if value is None else (value or "(nothing)")[:200]
