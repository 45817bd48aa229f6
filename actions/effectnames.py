"""What effects are called, as far as it matters which is of what kind: `kind:thing`."""

from __future__ import annotations

from collections.abc import Collection

RESTART, RELOAD = "restart:", "reload:"
PUT_BACK = {"revert", "config", "env", "release", "credentials", "job"}  # kinds that write a state anew


def writes(effects: Collection[str]) -> bool:
    """Whether something is as it was before, after what has these effects."""
    return any(effect.partition(":")[0] in PUT_BACK for effect in effects)


def only_restarts(effects: Collection[str]) -> list[str]:
    """The services that are started again, where nothing else is brought about; else []."""
    names = [e.removeprefix(RESTART) for e in effects if e.startswith(RESTART)]
    return sorted(names) if len(names) == len(effects) else []


def is_another_start(failed: Collection[str], wanted: Collection[str]) -> bool:
    """Whether what is wanted first puts something back that may have kept the part down: that it could not be started
    (`failed`) says nothing of a start after that."""
    return bool(only_restarts(failed)) and writes({*wanted} - {*failed})


def is_another_write(done: Collection[str], wanted: Collection[str]) -> bool:
    """Whether what is wanted puts back what was not put back by what was `done`, and they have no more in common than
    that a part reads or begins anew: what is written elsewhere is no repetition."""
    both, new = {*done} & {*wanted}, {*wanted} - {*done}
    return writes(new) and all(effect.startswith((RESTART, RELOAD)) for effect in both)
