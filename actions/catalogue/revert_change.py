"""Take one change of the ledger back: the value as it was, by the inverse of its kind, and only while it still is what
the change made of it. The rules are in actions/reverts.py."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from actions import effects, reverting, reverts, vault
from actions.base import Action, ActionContext, ActionFailed, ActionRefused, Params, Preview, ReadBack, Result
from actions.models import Risk
from systems.models import ChangeRow
from systems.redact import MASK
from systems.services import LoadedSystem
from systems.state import inverses, masking, originals, present
from systems.state.inverses import Inverse, NoInverse, Wanted
from systems.state.inverses.files import golden
from systems.state.inverses.postgres import WAITS

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
        rows = ChangeRow.objects.filter(system_id=_id(ctx), component=ctx.target).order_by("-pk")
        return {"change": [str(pk) for pk in rows.values_list("pk", flat=True)[:LISTED]]}

    def effects(self, ctx: ActionContext, params: ChangeParams) -> frozenset[str]:
        row = _row(ctx, params.change)
        if row is None:
            return frozenset({f"revert:{ctx.target}/{params.change}"})
        place = f"{row.component}/{row.area}/{row.what}"
        found = {f"revert:{place}"}
        for name, way in _loads(ctx, row).items():
            found |= effects.reloads(ctx, [name]) if way == "reload" else effects.restarts([name])
        if inverses.widens(row.kind, row.what, row.after, row.before):
            found.add(f"access:{place}")
        if inverses.widens(row.kind, row.what, row.before, row.after):
            found.add(f"reaccess:{place}")
        return frozenset(found)

    def touches(self, ctx: ActionContext, params: ChangeParams) -> list[str]:
        row = _row(ctx, params.change)
        return list(dict.fromkeys([ctx.target, *(_loads(ctx, row) if row else ())]))

    def check(self, ctx: ActionContext, params: ChangeParams) -> None:
        row = _known(ctx, params.change)
        if why := reverts.why_not(_id(ctx), row):
            raise ActionRefused(f"{row.words}: {why}")
        now = _look(ctx, row)
        if not now.is_as_changed:
            was = " already" if now.is_as_before else f", but {_shown(row, now)}"
            state = (
                f"it is as it was before{was}"
                if now.is_as_before
                else f"it is not what the change made of it any more{was}"
            )
            raise ActionRefused(f"{row.words}: {state}")
        _, inverse = _inverse(ctx, row, now)
        if why := reverting.forbidden(ctx, inverse.steps):
            raise ActionRefused(f"{row.words}: {why}")

    def raised_by(self, ctx: ActionContext, params: ChangeParams) -> tuple[Risk, str] | None:
        row = _known(ctx, params.change)
        if inverses.widens(row.kind, row.what, row.after, row.before):
            return Risk.HIGH, "it would let somebody do more than now, which a person decides"
        if inverses.widens(row.kind, row.what, row.before, row.after):
            return Risk.HIGH, "it changes who may do what, which a person decides"
        if _inverse(ctx, row, _look(ctx, row))[1].rewrites:
            return Risk.HIGH, "the table is written anew, and nobody else can use it meanwhile"
        if (later := reverts.depending(row)) is not None:
            return Risk.HIGH, f"a later change may need the value of now: {later.words}"[:300]
        return None

    def only_for_people(self, ctx: ActionContext, params: ChangeParams) -> str | None:
        row = _known(ctx, params.change)
        why = reverts.for_people(ctx.system, row, ctx.incident_id)
        return f"{row.words}: {why}" if why else None

    def asks(self, ctx: ActionContext, params: ChangeParams) -> str:
        return reverts.asks(_id(ctx), _known(ctx, params.change))

    def fingerprint(self, ctx: ActionContext, params: ChangeParams) -> dict[str, Any]:
        row = _known(ctx, params.change)
        return {"now": _look(ctx, row).mark, "allowed": reverts.why_not(_id(ctx), row)}

    def preview(self, ctx: ActionContext, params: ChangeParams) -> Preview:
        row = _known(ctx, params.change)
        now = _look(ctx, row)
        wanted, inverse = _inverse(ctx, row, now)
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
        again = _again(ctx, row, wanted)
        return Preview(
            inverse.shown, changes, [ctx.target, *inverse.loads], again, "The change stays.", counted
        )

    def prepare(self, ctx: ActionContext, params: ChangeParams) -> dict[str, Any]:
        row = _known(ctx, params.change)
        if why := reverts.too_many(_id(ctx), row, ctx.request_id):
            raise ActionRefused(why)
        now = _look(ctx, row)
        return {
            "change": params.change,
            "vault": vault.put(
                {"value": now.value, "files": reverting.present(_inverse(ctx, row, now)[1].steps)}
            ),
            "pids": effects.pids(ctx, self._restarted(ctx, params)),
        }

    def execute(self, ctx: ActionContext, params: ChangeParams) -> Result:
        row = _known(ctx, params.change)
        now = _look(ctx, row)
        if not now.is_as_changed:
            raise ActionFailed(f"it is not what the change made of it any more: {_shown(row, now)}")
        _, inverse = _inverse(ctx, row, now)
        lost = reverting.sessions(ctx, inverse.steps)
        done = reverting.run(ctx, inverse)
        back = effects.wait_until(lambda: _look(ctx, row).is_put_back, IN_EFFECT_S)
        words = "; ".join(done) + ("" if back else "; and it is not as it was before")
        return Result(back, words, lost={"sessions": lost} if lost else {})

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        """The change is applied again."""
        row, then = _undo(ctx, undo)
        now = _look(ctx, row)
        if now.is_as_changed:
            return Result(True, "it is as the change made it already")
        if not now.is_put_back:
            raise ActionFailed(f"something else has changed it since: {_shown(row, now)}")
        done = reverting.write_back(ctx, _files(undo)) or reverting.run(
            ctx, _inverse_of(ctx, _wanted(row, now.value, then))
        )
        back = effects.wait_until(lambda: _look(ctx, row).is_as_changed, IN_EFFECT_S)
        return Result(back, "; ".join(done))

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        row, then = _undo(ctx, undo)
        right = golden(ctx.system, row.component, row.area, row.what)
        if right is not None and _mark(row, right) == row.mark_before:
            return (
                f"`{row.what}` of {row.component} was not what its golden copy says: it would be wrong again"
            )
        if _files(undo):
            return None
        try:
            _inverse_of(ctx, _wanted(row, _look(ctx, row).value, then))
        except ActionRefused as error:
            return str(error)
        return None

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        row, then = _undo(ctx, undo)
        if files := _files(undo):
            return [f"{path} is written as it was found" for path in files]
        inverse = _inverse_of(ctx, _wanted(row, _look(ctx, row).value, then))
        return [f"the change is applied again: {inverse.shown}", *inverse.notes]

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        row, then = _undo(ctx, undo)
        if _files(undo):
            return {}
        now = _look(ctx, row)
        ends = reverting.sessions(ctx, _inverse_of(ctx, _wanted(row, now.value, then)).steps)
        return {"sessions": ends} if ends or ends is None else {}

    def is_back(self, ctx: ActionContext, params: ChangeParams, undo: dict[str, Any]) -> ReadBack:
        return "applied" if _look(ctx, _known(ctx, params.change)).is_as_changed else "not_applied"

    def read_back(self, ctx: ActionContext, params: ChangeParams) -> ReadBack:
        row = _known(ctx, params.change)
        # whether a service was told to read its file again leaves no trace: it is safe to repeat
        certain = not any(word.startswith("reload:") for word in self.effects(ctx, params))
        back = _look(ctx, row).is_put_back and effects.restarted_since(ctx, self._restarted(ctx, params))
        return "applied" if back and certain else "not_applied"

    def _restarted(self, ctx: ActionContext, params: ChangeParams) -> list[str]:
        words = self.effects(ctx, params)
        return sorted(word.partition(":")[2] for word in words if word.startswith("restart:"))


def _id(ctx: ActionContext) -> int:
    if ctx.system.id is None:
        raise ActionRefused("this system is in no ledger")
    return ctx.system.id


def _row(ctx: ActionContext, number: str) -> ChangeRow | None:
    if not number.isdecimal() or ctx.system.id is None:
        return None
    return ChangeRow.objects.filter(system_id=ctx.system.id, component=ctx.target, pk=int(number)).first()


def _known(ctx: ActionContext, number: str) -> ChangeRow:
    row = _row(ctx, number)
    if row is None:
        raise ActionRefused(f"the ledger has no change {number or '(name one)'} of {ctx.target}")
    return row


def _look(ctx: ActionContext, row: ChangeRow) -> present.Present:
    if not row.area:
        why = inverses.BY_OTHERS.get(row.kind, "it left no value that could be put back")
        raise ActionRefused(f"{row.words}: {why}")
    try:
        return present.look(ctx.system, row)
    except present.NotRead as error:
        raise ActionRefused(str(error)) from error


def _inverse(ctx: ActionContext, row: ChangeRow, now: present.Present) -> tuple[Wanted, Inverse]:
    wanted = _wanted(row, now.value, _before(ctx, row))
    return wanted, _inverse_of(ctx, wanted)


def _inverse_of(ctx: ActionContext, wanted: Wanted) -> Inverse:
    try:
        return inverses.inverse(ctx.system, wanted)
    except NoInverse as error:
        raise ActionRefused(
            f"`{wanted.what}` of {wanted.component} cannot be put back by this: {error}"
        ) from error


def _wanted(row: ChangeRow, now: str | None, then: str | None) -> Wanted:
    secret = MASK in f"{row.before}{row.after}"
    return Wanted(row.component, row.source, row.area, row.what, row.kind, now, then, row.last_old, secret)


def _before(ctx: ActionContext, row: ChangeRow) -> str | None:
    """The value as it was, exactly: what the ledger shows of it, where that is all of it, or the golden copy's."""
    if not row.mark_before:
        return None
    kept = originals.by_mark(ctx.system, row.component, row.mark_before) if row.source == "files" else None
    for known in (row.before, golden(ctx.system, row.component, row.area, row.what), kept):
        if known is not None and _mark(row, known) == row.mark_before:
            return known
    what = (
        "secret, and only a mark of it is kept" if MASK in (row.before or "") else "too long to be kept whole"
    )
    raise ActionRefused(
        f"{row.words}: what it was before is {what}. Rotating it (regenerate-db-creds), its golden copy or its release"
        " brings a good one"
    )


def _mark(row: ChangeRow, value: str) -> str:
    return masking.mark((row.component, row.area), row.what, value)


def _loads(ctx: ActionContext, row: ChangeRow) -> dict[str, str]:
    found = inverses.loads(ctx.system, row.source, row.component, row.area, row.what, pending=row.pending)
    ways = {name: "restart" if way == "by itself" else way for name, way in found.items()}
    return {name: way for name, way in ways.items() if way == "restart" or effects.reloads(ctx, [name])}


def _undo(ctx: ActionContext, undo: dict[str, Any]) -> tuple[ChangeRow, str | None]:
    row = _known(ctx, str(undo["change"]))
    if row.pending and row.after == WAITS:
        raise ActionRefused(f"what was written of {row.what} and waited for a start is not kept")
    try:
        return row, vault.get(str(undo["vault"]))["value"]
    except FileNotFoundError:
        raise ActionRefused("what it was is not kept any more") from None


def _again(ctx: ActionContext, row: ChangeRow, wanted: Wanted) -> str:
    """How it is undone."""
    if reverting.present(_inverse_of(ctx, wanted).steps):
        return "The file is written as it was found."
    try:
        _inverse_of(ctx, _wanted(row, wanted.then, wanted.now))
    except ActionRefused:
        return f"It cannot be undone: nothing makes it what it is now again ({wanted.shown(wanted.now)})."
    return f"It is applied again as it is now: {wanted.shown(wanted.now)}."


def _files(undo: dict[str, Any]) -> dict[str, str]:
    """Path -> the whole text that was found there, of a file that was put back as a whole."""
    try:
        return dict(vault.get(str(undo["vault"])).get("files") or {})
    except FileNotFoundError:
        return {}


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
