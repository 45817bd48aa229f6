"""How long to go on measuring after an effect: counted in fresh looks, of the slowest signal that matters.

`Run.memory` holds the counts, so that another worker goes on with them. Everything here is evidence time: a watcher
that is held up has looked no more often, however late it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agent import looks
from agent.context import symptom_key
from incidents.evidence import SignalState
from incidents.signals import CATALOG
from incidents.signals.detectors import Below

SLOWEST = 5  # looks at each symptom that still holds, before anything is judged by it
NO_CHANGE = 20  # looks without anything better: it did not help
STUCK = 12  # looks since the last change for the better: what is left has another cause
PATIENCE = 45  # looks in all, unless it still gets better
DRAIN = 300  # ... and at the very most
FALLEN = 0.95  # of the lowest value so far: less than this is a change for the better
LOOK_S = 2.0  # what one look may count for as watched time: a gap in the watching is not watched

COUNTS = (
    "active",
    "gone",
    "lowest",
    "seen",
    "taken",
    "verified",
    "still",
    "better",
    "watched",
    "green_looks",
)


def note(run_memory: dict[str, Any], states: Iterable[SignalState], active: list[str], stamp: str) -> None:
    """Count one picture (taken at `stamp`, ISO) in which the symptoms `active` held."""
    memory, before = run_memory, run_memory.get("verified")
    if not looks.is_fresh(memory, stamp, "verified"):
        return
    memory["taken"] = int(memory.get("taken", 0)) + 1
    better = _is_better(memory, {symptom_key(s.signal, s.service, s.label): s for s in states}, active)
    if better:
        memory["better"] = memory["taken"]
    if better or memory.get("active") != active:
        memory |= {"active": active, "still": 0, "seen": {}}
    else:
        memory["still"] = int(memory.get("still", 0)) + 1
    _count_reads(memory, states, active)
    passed = (datetime.fromisoformat(stamp) - datetime.fromisoformat(before)).total_seconds() if before else 0
    if memory.get("green_since"):
        memory["watched"] = float(memory.get("watched", 0)) + min(passed, LOOK_S)
        memory["green_looks"] = int(memory.get("green_looks", 0)) + 1
    else:
        memory |= {"watched": 0.0, "green_looks": 0}


def is_too_early(memory: dict[str, Any], *, cleared: bool) -> bool:
    """Whether what still holds may yet go away: nothing has been looked at often enough, or it still gets better."""
    taken, better = int(memory.get("taken", 0)), memory.get("better")
    seen = memory.get("seen", {})
    slow = any(int(seen.get(key, ["", 0])[1]) < SLOWEST for key in memory.get("active", []))
    if not cleared and better is None:
        return taken < NO_CHANGE or (slow and taken < DRAIN)
    lately = better is not None and taken - int(better) < STUCK
    if taken >= (DRAIN if lately else PATIENCE):
        return False
    return int(memory.get("still", 0)) < STUCK or slow


def _count_reads(memory: dict[str, Any], states: Iterable[SignalState], active: list[str]) -> None:
    """How often each of what still holds has been read since the effect and the last change."""
    acted = memory.get("acted_at")
    effect = datetime.fromisoformat(acted) if acted else None
    seen: dict[str, list[Any]] = memory.setdefault("seen", {})
    for state in states:
        key = symptom_key(state.signal, state.service, state.label)
        if key not in active or (effect and state.read and state.read <= effect):
            continue
        read = state.read.isoformat() if state.read else memory["verified"]
        last, times = seen.get(key, ["", 0])
        if read != last:
            seen[key] = [read, times + 1]


def _is_better(memory: dict[str, Any], states: dict[str, SignalState], active: list[str]) -> bool:
    """A symptom has gone that never had since the effect, or a quantity (a backlog, a delay) is lower than ever."""
    gone: list[str] = memory.setdefault("gone", [])
    left = [k for k in memory.get("active") or memory.get("before", []) if k not in active and k not in gone]
    gone += left
    lowest: dict[str, float] = memory.setdefault("lowest", {})
    fallen = False
    for key in active:
        state = states.get(key)
        if state is None or state.reading_value is None or not _is_quantity(state.signal):
            continue
        value, least = float(state.reading_value), lowest.get(key)
        if least is None or value < least * FALLEN:
            fallen = fallen or least is not None
            lowest[key] = value
    return bool(left) or fallen


def _is_quantity(signal_id: str) -> bool:
    """Whether less of it is better."""
    detector = CATALOG[signal_id].detector if signal_id in CATALOG else None
    return detector is not None and not isinstance(detector, Below) and not getattr(detector, "below", False)
