"""The answer key of a run: what is right to say of it, and what is right to do. Nobody but the grading sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from chaos.alterations import Alteration, Touched
from chaos.faults.base import Fault, Undo
from chaos.gameday.amid import Made
from chaos.gameday.grading import Key

Groups = Mapping[str, Sequence[str]]
# where a fault in one field shows as what is generally one of another: both are right to say
FIELDS = {
    "config_changed": "config",
    "config_corrupt": "config",
    "env_changed": "config",
    "bad_release": "config",
    "process_dead": "container",
    "process_hung": "container",
    "crash_loop": "container",
}


def key_of(fault: Fault, undo: Undo, made: Sequence[Made] = (), groups: Groups | None = None) -> Key:
    """`undo`: what the fault found to put back, from which it knows what the seed chose. `groups`: of the system, by
    name; what may be done to a member may be asked for by the name of its group."""
    harmless = tuple(t for m in made for t in m.touched)
    if not isinstance(fault, Alteration):
        parts = {*fault.targets, *fault.expected.components, *fault.may_touch}
        blamed = tuple(Touched(part, "", what) for part, what in fault.culprits)
        return Key(
            frozenset(fault.expected.components), frozenset(fault.expected.causes), _with(parts, groups), blamed,
            blamed, harmless, fault.restraint, categories=_categories(fault),
        )  # fmt: skip
    touched, culprit = fault.touched(undo), fault.culprit(undo)
    right = fault.right_parts(undo)
    return Key(
        frozenset(right),
        frozenset(fault.expected.causes),
        _with({*right, *fault.may_touch, *(t.component for t in touched)}, groups),
        _each(touched, groups) if fault.traceable else (),
        _each([culprit], groups) if culprit is not None else (),
        harmless,
        fault.restraint,
        fault.traceable,
    )


def beside(key: Key, others: Collection[Key]) -> Key:
    """The same where other faults are in at the same time: what is right for them is no harm."""
    return replace(key, allowed=key.allowed.union(*(o.allowed for o in others)))


def _categories(fault: Fault) -> frozenset[str]:
    return frozenset({fault.category, *(FIELDS[cause] for cause in fault.expected.causes if cause in FIELDS)})


def _with(parts: Collection[str], groups: Groups | None) -> frozenset[str]:
    return frozenset(parts) | {name for name, members in (groups or {}).items() if set(members) & set(parts)}


def _each(touched: Sequence[Touched], groups: Groups | None) -> tuple[Touched, ...]:
    """What was changed on a group was changed on each of its members, where the ledger sees it."""
    return tuple(
        Touched(part, t.kind, t.what)
        for t in touched
        for part in (t.component, *(groups or {}).get(t.component, ()))
    )
