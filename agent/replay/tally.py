"""Many replays counted by the kind of case, and set against an earlier time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from agent.replay import Said
from agent.replay.score import KNOWN, Line

KINDS = (KNOWN, "decoys", "unknown", "quiet")
STATED = 0.6  # whoever says this much would be believed
SURE = 0.9


@dataclass(frozen=True)
class Tally:
    """The cases of one kind. `wrong`: first diagnoses that are wrong and were stated at 60 % or more; `sure` and
    `sure_right`: those stated at 90 % or more. Shares are of the first diagnosis, None where there are none."""

    kind: str
    cases: int
    first_right: int
    last_right: int
    silent: int  # nothing was called the cause
    wrong: int
    sure: int
    sure_right: int
    confidence_right: float | None
    confidence_wrong: float | None


def tallies(lines: Sequence[Line]) -> list[Tally]:
    """One for each kind there is, in order, and one of all ("") where there are several. Those without an answer are
    in none."""
    scored = [line for line in lines if line.right is not None]
    found = [(kind, [x for x in scored if x.kind == kind]) for kind in KINDS]
    found = [(kind, mine) for kind, mine in found if mine]
    return [_tally(kind, mine) for kind, mine in (found if len(found) < 2 else [*found, ("", scored)])]


def _tally(kind: str, lines: Sequence[Line]) -> Tally:
    said = [(bool(x.right), _confidence(x.replayed.first)) for x in lines if x.replayed.first is not None]
    right, wrong = ([c for ok, c in said if ok is which] for which in (True, False))
    return Tally(
        kind,
        len(lines),
        sum(bool(x.right) for x in lines),
        sum(bool(x.last_right) for x in lines),
        sum(x.replayed.first is None for x in lines),
        sum(c >= STATED for c in wrong),
        sum(c >= SURE for _, c in said),
        sum(c >= SURE for c in right),
        round(mean(right), 3) if right else None,
        round(mean(wrong), 3) if wrong else None,
    )


def _confidence(said: Said) -> float:
    """A part's own words are said outright, without a figure: whoever repeats them means them."""
    return 1.0 if said.stated else said.probability


def pin(lines: Iterable[Line]) -> dict[str, dict[str, Any]]:
    """What each case gives today, to be set against another day."""
    return {
        line.name: {
            "first": line.replayed.first.key if line.replayed.first else "",
            "right": bool(line.right),
            "last": line.replayed.last.key if line.replayed.last else "",
            "last_right": bool(line.last_right),
        }
        for line in lines
    }


def moved(lines: Iterable[Line], then: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which first or last diagnoses have become right or wrong since `then`, in words."""
    found = []
    for name, now in pin(lines).items():
        before = then.get(name)
        for which, is_right in (("first", "right"), ("last", "last_right")):
            if before is not None and before[is_right] != now[is_right]:
                word = "better" if now[is_right] else "worse"
                said = (before[which] or "nothing", now[which] or "nothing")
                found.append(f"{word}: {name}, {which}: {said[0]} -> {said[1]}")
    return found
