"""The answer key of a run: what is right to say of it, and what is right to do. Nobody but the grading sees it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from chaos.alterations import Alteration, Touched
from chaos.faults.base import Fault, Undo
from chaos.gameday.amid import Made
from chaos.gameday.grading import Key


def key_of(fault: Fault, undo: Undo, made: Sequence[Made] = ()) -> Key:
    """`undo`: what the fault found to put back, from which it knows what the seed chose."""
    allowed = frozenset({*fault.targets, *fault.expected.components, *fault.may_touch})
    harmless = tuple(t for m in made for t in m.touched)
    if not isinstance(fault, Alteration):
        blamed = tuple(Touched(part, "", what) for part, what in fault.culprits)
        return Key(
            frozenset(fault.expected.components), frozenset(fault.expected.causes), allowed, blamed, blamed, harmless,
            fault.restraint,
        )  # fmt: skip
    culprit = fault.culprit(undo)
    return Key(
        frozenset(fault.right_parts(undo)),
        frozenset(fault.expected.causes),
        allowed,
        tuple(fault.touched(undo)) if fault.traceable else (),
        tuple(t for t in fault.touched(undo) if culprit and (t.kind, t.what) == (culprit.kind, culprit.what)),
        harmless,
        fault.restraint,
        fault.traceable,
    )


def beside(key: Key, others: Collection[Key]) -> Key:
    """The same where other faults are in at the same time: what is right for them is no harm."""
    return replace(
        key,
        allowed=key.allowed.union(*(o.allowed for o in others)),
        changed=key.changed,
    )
