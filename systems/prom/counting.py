"""What counters rose by, series by series, and how it adds up over the last seconds.

A counter tells how much since its process began. What counts is the rise of each series between two looks: one that
went back (a restart) has risen by what it shows; one that is new after a whole look has risen from nothing; what is
no number, or negative, has not been read.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

GAP_S = 90.0  # after a longer silence nobody knows when it rose
Route = tuple[str, str]  # what is asked for, and the class of its answer
# What makes a rise one of which the window keeps its own sum: the metric's bare name, route and class of answer
Slot = tuple[str, str, str]


@dataclass(slots=True)
class Rise:
    """What rose between two looks: requests by slot, buckets by (metric, route) and bound, everything else by name."""

    counts: Counter[Slot] = field(default_factory=Counter)
    buckets: dict[tuple[str, str], dict[float, float]] = field(default_factory=dict)
    sums: Counter[tuple[str, str]] = field(default_factory=Counter)
    quantiles: dict[tuple[str, str], list[tuple[float, float, float]]] = field(default_factory=dict)

    def add(self, other: Rise) -> None:
        """Add another one to this."""
        self.counts.update(other.counts)
        self.sums.update(other.sums)
        for key, bounds in other.buckets.items():
            mine = self.buckets.setdefault(key, {})
            for bound, count in bounds.items():
                mine[bound] = mine.get(bound, 0.0) + count
        for key, rows in other.quantiles.items():
            self.quantiles.setdefault(key, []).extend(rows)


class Memory:
    """The last value of each series of one source."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._whole = False

    def rises(self, values: Iterable[tuple[str, float]], *, whole: bool = True) -> dict[str, float]:
        """What each series rose by since the last call; a series is missing from it when nobody can know. `whole`:
        nothing was left out of `values`."""
        found: dict[str, float] = {}
        now: dict[str, float] = {}
        for key, value in values:
            if not math.isfinite(value) or value < 0 or key in now:
                continue
            now[key] = value
            before = self._last.get(key, 0.0 if self._whole else None)
            if before is not None:
                found[key] = value - before if value >= before else value
        self._last.update(now)
        if len(self._last) > 2 * len(now) + 1000:
            self._last = now
        self._whole = whole
        return found

    def forget(self) -> None:
        """What was before is of no use any more."""
        self._last.clear()
        self._whole = False


class Window:
    """Rises of the last seconds. Long enough to hold `least` requests where they come seldom, `most_s` at most."""

    def __init__(self, span_s: float = 10.0, most_s: float = 60.0) -> None:
        self.span_s, self.most_s = span_s, most_s
        self._rises: deque[tuple[float, float, Rise]] = deque()  # from, until, what
        self._sums: dict[float, tuple[float, Rise]] = {}  # what was added up since the last look, by the span

    def add(self, since: float, until: float, rise: Rise) -> None:
        """What rose from `since` to `until` (seconds of one clock)."""
        self._sums.clear()
        self._rises.append((since, until, rise))
        while self._rises and until - self._rises[0][0] > max(self.most_s, 4 * self.span_s) + 1e-6:
            self._rises.popleft()

    @property
    def latest(self) -> float | None:
        return self._rises[-1][1] if self._rises else None

    def clear(self) -> None:
        self._sums.clear()
        self._rises.clear()

    def over(self, span_s: float) -> tuple[float, Rise]:
        """(seconds covered, what rose in them; only to be read) of the latest looks that cover `span_s`, or fewer."""
        if span_s not in self._sums:
            self._sums[span_s] = self._added(span_s)
        return self._sums[span_s]

    def _added(self, span_s: float) -> tuple[float, Rise]:
        total, covered = Rise(), 0.0
        for since, until, rise in reversed(self._rises):
            if covered and self._rises[-1][1] - since > span_s + 1e-6:
                break
            total.add(rise)
            covered += until - since
        return covered, total


def quantile(share: float, bounds: dict[float, float], count: float) -> tuple[float, bool] | None:
    """(value, whether it is only known to be at least that) below which `share` lies, from cumulative buckets by their
    upper bound, as Prometheus does it; None when they cannot tell. Where bounds are missing or go back, the count of
    the next lower one holds."""
    finite = sorted(b for b in bounds if math.isfinite(b))
    total = max([count, *bounds.values()])
    if not finite or total <= 0:
        return None
    wanted, below, reached = share * total, min(0.0, finite[0]), 0.0
    for bound in finite:
        held = max(reached, bounds[bound])
        if held >= wanted and held > reached:
            within = min(1.0, (wanted - reached) / (held - reached))
            return min(bound, below + (bound - below) * within), False
        below, reached = bound, held
    return finite[-1], True


def weighted(share: float, rows: Iterable[tuple[float, float]]) -> float | None:
    """The least of the values such that `share` of the weight lies at or below it; None without any weight."""
    known = sorted((value, weight) for value, weight in rows if weight > 0 and math.isfinite(value))
    total, reached = sum(weight for _, weight in known), 0.0
    for value, weight in known:
        reached += weight
        if reached >= share * total - 1e-9:
            return value
    return None


def together(parts: Iterable[tuple[float, Rise]]) -> tuple[dict[Slot, float], Rise]:
    """(requests a second by slot, all that rose) of several sources, each over its own seconds."""
    rates: dict[Slot, float] = defaultdict(float)
    total = Rise()
    for covered, rise in parts:
        total.add(rise)
        for slot, count in rise.counts.items():
            if covered > 0:
                rates[slot] += count / covered
    return rates, total
