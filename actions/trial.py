"""How an action went on a copy. A trial touches nothing real: a file beside the real one that the product's own checker
reads, a schema that is gone with its transaction, a migration that is rolled back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["held", "failed", "not_tried", "foreseen"]
CANNOT = (75, 126, 127)  # say nothing of what was tried: EX_TEMPFAIL, not executable, not found
TRIED_S = 10.0  # what a checker may take


@dataclass(frozen=True, slots=True)
class Trial:
    """`on`: what it was tried on, in words. `found`: one line each, for people. `loss`: what it lost there, counted, in
    the shape of `Preview.loss`; None: the trial does not tell."""

    outcome: Outcome
    on: str = ""
    found: list[str] = field(default_factory=list)
    loss: dict[str, int | None] | None = None

    def as_json(self) -> dict[str, Any]:
        return {"outcome": self.outcome, "on": self.on, "found": self.found}


def judged(code: int, said: str, on: str) -> Trial:
    """What a checker that ended with this code says. `said`: its output."""
    lines = [line.strip()[:300] for line in said.strip().splitlines() if line.strip()][-4:]
    if code in CANNOT or code < 0 or code > 128:  # ... nor does one that was killed
        return Trial("not_tried", on, ["it could not be tried on a copy", *lines])
    return Trial("failed" if code else "held", on, lines)


def together(trials: Iterable[Trial]) -> Trial | None:
    """Several as one: failed if one failed, held only if all held. None of none."""
    each = list(trials)
    order: list[Outcome] = ["failed", "not_tried", "held"]
    if not each:
        return None
    worst = min((t.outcome for t in each), key=order.index)
    found = list(dict.fromkeys(line for t in each for line in t.found))
    return Trial(worst, ", ".join(dict.fromkeys(t.on for t in each if t.on)), found)
