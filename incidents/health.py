"""The health of a part in one word: the only judge there is, on the same states that open incidents.

Map, lists, validator and agent read this. What an incident calls trouble is trouble here, and nothing else is; what
cannot be read is unknown, and so is a part that answers and does not let us look.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from incidents.plain import gist
from incidents.signals import CATALOG
from incidents.signals.base import SignalState
from incidents.signals.detectors import Failing

Word = Literal["down", "degraded", "unknown", "ok"]
RANK: dict[str, int] = {"down": 0, "degraded": 1, "unknown": 2, "ok": 3}
REASONS = 3  # told of one part

Name = tuple[str, str, str]  # signal, service, label


@dataclass(frozen=True, slots=True)
class Health:
    """`reason`: why it is not ok, in words for people; "" when it is."""

    word: Word
    reason: str = ""


NEVER_READ = Health("unknown", "nothing of it has been read yet")
NOT_READ = Health("unknown", "it cannot be read just now")


def name_of(state: SignalState) -> Name:
    return (state.signal, state.service, state.label)


def is_trouble(state: SignalState) -> bool:
    """Whether this says that something is wrong with the part now. What opens no incident is context."""
    return state.value is True and _opens(state)


def judge(states: Iterable[SignalState], open_: Collection[Name] = ()) -> Health:
    """One part, from all its states. `open_`: symptoms that were seen and not seen to end, readable now or not."""
    states = list(states)
    wrong = sorted((s for s in states if is_trouble(s)), key=lambda s: not _is_down(s))
    if wrong:
        told = dict.fromkeys(CATALOG[s.signal].describe(s) for s in wrong)
        return Health("down" if _is_down(wrong[0]) else "degraded", "; ".join([*told][:REASONS]))
    there = [s for s in states if _is_down(s)]
    if shut := next((s for s in there if _is_shut(s)), None):
        return Health("unknown", f"it answers, and does not let us look: {gist(shut.text)}")
    if all(s.value is None for s in there or states):  # what they said last is of the time before
        return NOT_READ if states else NEVER_READ
    if unread := next((s for s in states if s.value is None and _opens(s) and name_of(s) in open_), None):
        return Health("unknown", f"cannot be read any more: {CATALOG[unread.signal].describe(unread)}")
    return Health("ok")


def judge_all(
    states: Iterable[SignalState], parts: Iterable[str], open_: Collection[Name] = ()
) -> dict[str, Health]:
    """Every part of a system; one that no state speaks of is unknown."""
    mine: dict[str, list[SignalState]] = {name: [] for name in parts}
    for state in states:
        if state.service in mine:
            mine[state.service].append(state)
    return {name: judge(found, open_) for name, found in mine.items()}


def _opens(state: SignalState) -> bool:
    return state.signal in CATALOG and CATALOG[state.signal].opens_by(state.text)


def _is_down(state: SignalState) -> bool:
    """Whether it speaks of a part that does nothing for anybody while it holds."""
    return state.signal in CATALOG and CATALOG[state.signal].down


def _is_shut(state: SignalState) -> bool:
    """Whether it refused us by name: that is an answer, and says nothing of how it does."""
    detector = CATALOG[state.signal].detector
    if state.value is not False or state.reading_value != 0 or not isinstance(detector, Failing):
        return False
    return bool(detector.but) and re.search(detector.but, state.text, re.I) is not None
