"""What is read of the target round a declared action: whether it took place, whether it is back, what would be gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import yaml

from actions.base import ActionContext
from actions.effects import wait_until
from actions.trial import Trial
from systems.declared import filling
from systems.declared.calls import MOST_ROWS, CallFailed, CallUnknown, look, shown
from systems.manifest.acting import BEFORE, ActionSpec, Check, Loss
from systems.readings import clean

Values = dict[str, Any]
SHOWN = 80
PUT_BACK_S = 6.0
# `is: on` is written by people, and read by YAML as a truth value
TRUTHS: dict[str, bool] = yaml.SafeLoader.bool_values


def met(ctx: ActionContext, check: Check, values: Values) -> bool:
    """Whether what is read is as the check wants it. CallFailed when it cannot be read."""
    return _holds(check, look(ctx.system, ctx.service, check, values), values)


def _holds(check: Check, found: Any, values: Values) -> bool:
    return _same(found, filling.body(check.value, values)) != check.negated


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) and isinstance(found, str):
        return TRUTHS.get(found.lower()) is wanted
    return bool(found == wanted) or filling.as_text(found) == filling.as_text(wanted)


def tried(ctx: ActionContext, check: Check, values: Values) -> Trial:
    """What comes of it on a copy, as the manifest's own program says. CallFailed when that cannot be told."""
    found = look(ctx.system, ctx.service, check, values)
    outcome: Literal["held", "failed"] = "held" if _holds(check, found, values) else "failed"
    return Trial(outcome, "a copy", [f"{check.path or shown(check, values)}: {_short(found)}"])


def foreseen(ctx: ActionContext, spec: ActionSpec, values: Values) -> list[str]:
    """What is so now and will be, one line each."""
    if spec.check is None:
        return ["whether it took place cannot be read: no check is declared"]
    check = spec.check
    name = check.path or shown(check, values)
    wanted = f"{'anything but ' if check.negated else ''}{_short(filling.body(check.value, values))}"
    try:
        now = _short(look(ctx.system, ctx.service, check, values))
    except CallFailed as error:
        return [f"{name}: -> {wanted}; what it is now cannot be read: {error}"]
    return [f"{name}: {now} -> {wanted}"]


def await_met(ctx: ActionContext, spec: ActionSpec, values: Values) -> tuple[bool, str]:
    """Whether it took place, within the time that the check gives it, and what was read. CallUnknown when the check
    cannot be made: then nobody knows."""
    check = spec.check
    if check is None:
        return True, ""
    _poll(lambda: met(ctx, check, values), check.within_s)
    try:
        found = look(ctx.system, ctx.service, check, values)
    except CallFailed as error:
        raise CallUnknown(f"it was done, and whether it took place cannot be read: {error}") from error
    name, now = check.path or "what is read", _short(found)
    if _holds(check, found, values):
        return True, f"read back: {name} is {now}"
    return False, f"it was done, and after {check.within_s:g} s {name} is {now}"


def is_back(ctx: ActionContext, spec: ActionSpec, values: Values) -> bool | None:
    """Whether it is as before: by the value that was kept, else by the check that does not hold. None: by nothing."""
    if spec.before is not None and BEFORE in values:
        asked = {k: v for k, v in values.items() if k != BEFORE}
        return _same(look(ctx.system, ctx.service, spec.before, asked), values[BEFORE])
    return not met(ctx, spec.check, values) if spec.check is not None else None


def await_back(ctx: ActionContext, spec: ActionSpec, values: Values) -> tuple[bool, str]:
    """As `await_met`, of an undo."""
    if spec.before is None and spec.check is None:
        return True, ""
    patience = spec.check.within_s if spec.check else PUT_BACK_S
    _poll(lambda: bool(is_back(ctx, spec, values)), patience)
    try:
        back = bool(is_back(ctx, spec, values))
    except CallFailed as error:
        raise CallUnknown(f"it was put back, and whether that took place cannot be read: {error}") from error
    if back:
        return True, "read back: it is as it was before"
    return False, f"it was told to go back, and after {patience:g} s it is not as it was before"


def count(ctx: ActionContext, loss: Loss, values: Values) -> int:
    """How many would be gone. CallFailed when that is no number."""
    found = look(ctx.system, ctx.service, loss, values)
    if loss.way == "sql" and isinstance(found, list) and len(found) >= MOST_ROWS:
        raise CallFailed(f"{MOST_ROWS} rows or more: let the statement count them")
    if isinstance(found, list | dict):
        return len(found)
    if isinstance(found, bool) or found is None:
        raise CallFailed(f"{shown(loss, values)}: answered no number")
    try:
        number = int(found)
    except (TypeError, ValueError, OverflowError):
        raise CallFailed(f"{shown(loss, values)}: answered no number") from None
    if number < 0:
        raise CallFailed(f"{shown(loss, values)}: answered {number}")
    return number


def _poll(holds: Callable[[], bool], within_s: float) -> None:
    """Wait until it holds. What cannot be read yet may be in a moment."""

    def now() -> bool:
        try:
            return holds()
        except CallFailed:
            return False

    wait_until(now, within_s)


def _short(value: Any) -> str:
    return clean(filling.as_text(value), SHOWN) or "empty"
