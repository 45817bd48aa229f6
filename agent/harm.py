"""What a step costs beside its time, in seconds: the measure by which the least harmful comes first. No I/O.

What is lost is what its dry run has counted. Data (rows, messages) outweighs any order of preference, and most where
nothing brings it back; what passes (sessions, a process started anew, keys that are made again) decides between equals
only, for the author of a runbook knows which of his paths cures. Done for a cause that is none, a loss counts twice: it
was for nothing, and the trouble is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from actions import losses

# Seconds of work for each that is gone; of what could not be counted, as many as it may well be.
DATA_S = 5.0
PASSES = {"sessions": 0.05, "transactions": 0.1, "processes": 0.1, "keys": 0.002}
UNCOUNTED = 200
RESTARTED_S = 0.9  # a unit that is away for a moment
PASSES_MOST_S = 1.8  # below what one place in a runbook's order counts (planner.py)
FOR_GOOD = 2.0  # so much more counts what no undo brings back
# Seconds until it is done, by its risk: what is asked about waits for a person.
TIME_S = {"low": 1.0, "medium": 3.0, "high": 12.0}
READ_S = 2.0  # a check and the look after it


@dataclass(frozen=True)
class Harm:
    """Of one step. `lost`: thing -> number, None = not countable. `restarts`: units that get a new process."""

    risk: str = "high"
    lost: Mapping[str, int | None] = field(default_factory=dict)
    restarts: int = 0
    undoable: bool = False

    @property
    def data(self) -> dict[str, int | None]:
        """What of the loss is data."""
        return {what: n for what, n in self.lost.items() if what in losses.DATA and n != 0}


def time_s(harms: Iterable[Harm]) -> float:
    return sum(TIME_S.get(h.risk, TIME_S["high"]) for h in harms)


def loss_s(harms: Iterable[Harm]) -> float:
    """What is lost by these steps together, in seconds, whether or not it was for the right cause."""
    gone, passing = 0.0, 0.0
    for one in harms:
        data = sum(_count(n) * DATA_S for n in one.data.values())
        gone += data if one.undoable else FOR_GOOD * data
        passing += sum(_count(n) * PASSES[what] for what, n in one.lost.items() if what in PASSES)
        passing += RESTARTED_S * one.restarts
    return gone + min(passing, PASSES_MOST_S)


def expected_s(harms: Iterable[Harm], probability: float) -> float:
    """Time and loss of steps for a cause that is this probable."""
    steps = list(harms)
    return time_s(steps) + loss_s(steps) * (2.0 - probability)


def is_worth_reading(loss: float, probability: float, told: float) -> bool:
    """Whether a check comes before what loses this much (seconds): it would spare more than it takes. `told`: the share
    of what is not known yet that its answer is expected to tell, 0 to 1."""
    return loss * (1.0 - probability) * told > READ_S


def _count(number: int | None) -> int:
    return UNCOUNTED if number is None else number
