"""When trouble began: the moment at which most series change, near a time that a file gives when one does."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from incidents.foreign import shifts
from incidents.foreign.lines import Line

MOST_SERIES_VOTING = 20_000
LOOKED_BEFORE_S, LOOKED_AFTER_S = 3600.0, 1200.0  # around a time that a file gives
MOST_WINDOW_S = 3 * 3600.0


@dataclass
class Window:
    """When trouble began and when what was recorded of it ends; None when nothing moved. `step`: seconds between two
    points of a series, as a rule."""

    start: float | None = None
    end: float | None = None
    first: float | None = None  # of all that was recorded
    told: bool = False  # a file gave the time
    step: float | None = None


Vote = tuple[float, float | None, float, str]  # start, end, weight, component


def find_window(lines: Iterable[Line], hints: list[float]) -> Window:
    """When trouble began: where most series change at once, near a time that a file gives when one does."""
    lines = list(lines)[:MOST_SERIES_VOTING]
    if not lines:
        return Window()
    first = min(float(line.t[0]) for line in lines)
    last = max(float(line.t[-1]) for line in lines)
    inside = [h for h in hints if first < h < last]
    votes = _votes(lines, inside[0] if inside else None)
    steps = [float(np.median(np.diff(line.t))) for line in lines if len(line.t) > 1]
    step = max(float(np.median(steps)) if steps else 1.0, 1.0)
    hint = min(inside) if inside else None
    start, end = _tally(votes, step, (last - first) or 1.0, hint)
    if start is None and hint is None:
        return Window(None, last, first, step=step)
    start = start if start is not None else hint
    assert start is not None
    until = (
        min(last, start + MOST_WINDOW_S)
        if end is None or end <= start
        else min(last, max(end, start + 10 * step))
    )
    return Window(start, until, first, hint is not None, step)


def _votes(lines: list[Line], hint: float | None) -> list[Vote]:
    """(start, end, weight, component) of each series that changed."""
    votes: list[Vote] = []
    for line in lines:
        t, v = line.t, line.v
        if hint is not None:
            keep = (t > hint - LOOKED_BEFORE_S) & (t < hint + LOOKED_AFTER_S)
            t, v = t[keep], v[keep]
        if len(t) < shifts.LEAST:
            continue
        at, strength = shifts.change_point(t, v)
        begin, over, height = shifts.burst(t, v)
        important = 1.0 if line.kind in ("traffic", "network", "other") else 2.0
        if strength > 4.5 * (1 + 0.1 * math.log(len(t))):
            votes.append((at, None, important * min(math.log2(strength), 6.0), line.component))
        if height and height / 3 > strength / 4:
            votes.append((begin, over, important * min(math.log2(height), 6.0), line.component))
    return votes


def _tally(
    votes: list[Vote], step: float, span: float, hint: float | None
) -> tuple[float | None, float | None]:
    """The moment with the most weight of votes around it, each component counting less the more it has said."""
    if not votes:
        return None, None
    width = max(3 * step, span * 0.02)
    best, best_weight = None, 0.0
    for at in sorted({v[0] for v in votes})[:4000]:
        weight = 0.0
        said: dict[str, int] = defaultdict(int)
        for start, _, value, component in votes:
            if abs(start - at) <= width:
                said[component] += 1
                weight += value / said[component]
        if hint is not None:
            weight *= math.exp(-abs(at - hint) / max(300.0, 10 * step)) + 0.02
        if weight > best_weight:
            best, best_weight = at, weight
    assert best is not None
    around = [v for v in votes if abs(v[0] - best) <= width]
    start = _earliest(around)
    ends = [v[1] for v in around if v[1] is not None]
    bursts = len(ends) > 0.5 * len(around)
    return start, max(ends) if bursts else None


def _earliest(around: list[Vote]) -> float:
    """The first tenth of the weight is passed here: one series that moved by chance before does not set the time."""
    ordered = sorted(around, key=lambda v: v[0])
    total = sum(v[2] for v in ordered)
    passed = 0.0
    for start, _, weight, _ in ordered:
        passed += weight
        if passed >= 0.1 * total:
            return start
    return ordered[0][0]
