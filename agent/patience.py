"""How long to go on measuring after an effect: counted in fresh looks, of the slowest signal that matters.

The case file holds the counts, so that another worker goes on with them. Everything here is evidence time: a watcher
that is held up has looked no more often, however late it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from agent import looks
from agent.case import Case, Measuring, Reads
from agent.context import key_of, name_of_key
from incidents.evidence import SignalState
from incidents.signals import CATALOG
from incidents.signals.detectors import Below

SLOWEST = 5  # looks at each symptom that still holds, before anything is judged by it
NO_CHANGE = 20  # looks without anything better: it did not help
STUCK = 12  # looks since the last change for the better: what is left has another cause
PATIENCE = 45  # looks in all, unless it still gets better
DRAIN = 300  # ... and at the very most
CAME_BACK = 3  # symptoms that had gone and are there again: it comes and goes, which is no getting better
FALLEN = 0.95  # of the lowest value so far: less than this is a change for the better
LOOK_S = 2.0  # what one look may count for as watched time: a gap in the watching is not watched


def note(
    case: Case, count: Measuring, states: Iterable[SignalState], active: list[str], picture: datetime
) -> None:
    """Count one picture in which the symptoms `active` held."""
    last = count.last
    if not looks.is_fresh(picture, last):
        return
    count.last = picture
    count.taken += 1
    held = {key_of(s): s for s in states}
    count.back += [k for k in active if k in count.gone and k not in (count.active or [])]
    better = _is_better(count, held, active, case.before)
    if better:
        count.better = count.taken
    if better or count.active != active:
        count.active, count.still, count.reads = active, 0, {}
    else:
        count.still += 1
    _count_reads(count, states, active, case.acted_at)
    if count.green_since:
        count.watched += min((picture - last).total_seconds() if last else 0.0, LOOK_S)
        count.green_looks += 1
    else:
        count.watched, count.green_looks = 0.0, 0


def is_too_early(count: Measuring, *, cleared: bool) -> bool:
    """Whether what still holds may yet go away: nothing has been looked at often enough, or it still gets better."""
    taken, better = count.taken, count.better
    slow = any(count.reads.get(key, Reads()).times < _enough(key) for key in count.active or [])
    if not cleared and better is None:
        return taken < NO_CHANGE or (slow and taken < DRAIN)
    if taken >= NO_CHANGE and len(set(count.back)) >= CAME_BACK:
        return False
    lately = better is not None and taken - better < STUCK
    if taken >= (DRAIN if lately else PATIENCE):
        return False
    return count.still < STUCK or slow


def shows_again_s(before: Iterable[str]) -> float:
    """How long what held (keys of symptoms) takes to show once a process runs anew: a trend must first be one again."""
    known = (CATALOG.get(name_of_key(key)[0]) for key in before)
    return max((signal.shows_after_s for signal in known if signal is not None), default=0.0)


def _enough(key: str) -> int:
    """Looks at a symptom before it counts as unchanged: it is over only so many after what it tells of has gone."""
    signal = CATALOG.get(name_of_key(key)[0])
    return SLOWEST + math.ceil(max(signal.clear.ticks, signal.clear.seconds)) if signal else SLOWEST


def _count_reads(
    count: Measuring, states: Iterable[SignalState], active: list[str], effect: datetime | None
) -> None:
    """How often each of what still holds has been read since the effect and the last change."""
    for state in states:
        key = key_of(state)
        if key not in active or (effect and state.fresh and state.fresh <= effect):
            continue
        read, before = state.fresh or count.last, count.reads.get(key, Reads())
        if read != before.last:
            count.reads[key] = Reads(last=read, times=before.times + 1)


def _is_better(
    count: Measuring, states: dict[str, SignalState], active: list[str], before: list[str]
) -> bool:
    """A symptom has gone that never had since the effect, or a quantity (a backlog, a delay) is lower than ever: one
    that still holds, or one of the same thing that is less already. The oldest in a queue gets older to its last."""
    left = [k for k in count.active or before if k not in active and k not in count.gone]
    count.gone += left
    fallen = False
    things = {name_of_key(key)[1:] for key in active}
    for key in [*active, *(k for k in count.gone if k not in active and name_of_key(k)[1:] in things)]:
        state = states.get(key)
        if state is None or state.reading_value is None or not _is_quantity(state.signal):
            continue
        value, least = float(state.reading_value), count.lowest.get(key)
        if least is None or (least > 0 and value < least * FALLEN):  # -9, of a kill, is no quantity
            fallen = fallen or least is not None
            count.lowest[key] = value
    return bool(left) or fallen


def _is_quantity(signal_id: str) -> bool:
    """Whether less of it is better."""
    detector = CATALOG[signal_id].detector if signal_id in CATALOG else None
    return detector is not None and not isinstance(detector, Below) and not getattr(detector, "below", False)
