"""One change of the ledger as whoever takes it back sees it: its row, how it stands now, what would give it its earlier
value, and what was kept to undo that. ActionRefused, in words for people, where that cannot be told."""

from __future__ import annotations

from typing import Any

from actions import effects, reverting, vault
from actions.base import ActionContext, ActionRefused
from systems.models import ChangeRow
from systems.redact import MASK
from systems.state import inverses, masking, originals, present
from systems.state.inverses import Inverse, NoInverse, Wanted
from systems.state.inverses.files import golden
from systems.state.inverses.postgres import WAITS


def system_id(ctx: ActionContext) -> int:
    if ctx.system.id is None:
        raise ActionRefused("this system is in no ledger")
    return ctx.system.id


def row_of(ctx: ActionContext, number: str) -> ChangeRow | None:
    if not number.isdecimal() or ctx.system.id is None:
        return None
    return ChangeRow.objects.filter(system_id=ctx.system.id, component=ctx.target, pk=int(number)).first()


def known(ctx: ActionContext, number: str) -> ChangeRow:
    row = row_of(ctx, number)
    if row is None:
        raise ActionRefused(f"the ledger has no change {number or '(name one)'} of {ctx.target}")
    return row


def look(ctx: ActionContext, row: ChangeRow) -> present.Present:
    if not row.area:
        why = inverses.BY_OTHERS.get(row.kind, "it left no value that could be put back")
        raise ActionRefused(f"{row.words}: {why}")
    try:
        return present.look(ctx.system, row)
    except present.NotRead as error:
        raise ActionRefused(str(error)) from error


def inverse(ctx: ActionContext, row: ChangeRow, now: present.Present) -> tuple[Wanted, Inverse]:
    wanted = wanted_of(row, now.value, before(ctx, row))
    return wanted, inverse_of(ctx, wanted)


def inverse_of(ctx: ActionContext, wanted: Wanted) -> Inverse:
    try:
        return inverses.inverse(ctx.system, wanted)
    except NoInverse as error:
        raise ActionRefused(
            f"`{wanted.what}` of {wanted.component} cannot be put back by this: {error}"
        ) from error


def wanted_of(row: ChangeRow, now: str | None, then: str | None) -> Wanted:
    secret = MASK in f"{row.before}{row.after}"
    return Wanted(row.component, row.source, row.area, row.what, row.kind, now, then, row.last_old, secret)


def before(ctx: ActionContext, row: ChangeRow) -> str | None:
    """The value as it was, exactly: what the ledger shows of it, where that is all of it, or the golden copy's."""
    if not row.mark_before:
        return None
    kept = originals.by_mark(ctx.system, row.component, row.mark_before) if row.source == "files" else None
    for known in (row.before, golden(ctx.system, row.component, row.area, row.what), kept):
        if known is not None and mark(row, known) == row.mark_before:
            return known
    what = (
        "secret, and only a mark of it is kept" if MASK in (row.before or "") else "too long to be kept whole"
    )
    raise ActionRefused(
        f"{row.words}: what it was before is {what}. Rotating it (regenerate-db-creds), its golden copy or its release"
        " brings a good one"
    )


def mark(row: ChangeRow, value: str) -> str:
    return masking.mark((row.component, row.area), row.what, value)


def loads(ctx: ActionContext, row: ChangeRow) -> dict[str, str]:
    found = inverses.loads(ctx.system, row.source, row.component, row.area, row.what, pending=row.pending)
    ways = {name: "restart" if way == "by itself" else way for name, way in found.items()}
    return {name: way for name, way in ways.items() if way == "restart" or effects.reloads(ctx, [name])}


def undo(ctx: ActionContext, undo: dict[str, Any]) -> tuple[ChangeRow, str | None]:
    row = known(ctx, str(undo["change"]))
    if row.pending and row.after == WAITS:
        raise ActionRefused(f"what was written of {row.what} and waited for a start is not kept")
    try:
        return row, vault.get(str(undo["vault"]))["value"]
    except FileNotFoundError:
        raise ActionRefused("what it was is not kept any more") from None


def files(undo: dict[str, Any]) -> dict[str, str]:
    """Path -> the whole text that was found there, of a file that was put back as a whole."""
    try:
        return dict(vault.get(str(undo["vault"])).get("files") or {})
    except FileNotFoundError:
        return {}


def again(ctx: ActionContext, row: ChangeRow, wanted: Wanted) -> str:
    """How it is undone."""
    if reverting.present(inverse_of(ctx, wanted).steps):
        return "The file is written as it was found."
    try:
        inverse_of(ctx, wanted_of(row, wanted.then, wanted.now))
    except ActionRefused:
        return f"It cannot be undone: nothing makes it what it is now again ({wanted.shown(wanted.now)})."
    return f"It is applied again as it is now: {wanted.shown(wanted.now)}."
