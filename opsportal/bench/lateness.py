"""How late the looks of a watcher were: noted in its own process, and judged by who started it."""

from __future__ import annotations

import json
import time
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from systems.ticks import Tick

MOST = 2_000_000  # looks noted of one probe
MISSED = float("inf")


class Lateness:
    """Of each look its probe, when it was over (epoch seconds), and how long after it was due."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looks: dict[str, array[float]] = defaultdict(lambda: array("d"))
        self._ticks: list[tuple[float, int]] = []

    def look(self, probe: str, late_s: float) -> None:
        noted = self._looks[probe]
        if len(noted) < 2 * MOST:
            noted.extend((time.time(), late_s))

    def on_tick(self, tick: Tick) -> None:
        if not tick.mini:
            self._ticks.append((tick.at.timestamp(), int(tick.starved)))

    def write(self) -> None:
        """As JSON: {looks: {probe: [at, late_s, at, late_s, ...]}, ticks: [[at, starved], ...]}"""
        looks = {probe: noted.tolist() for probe, noted in self._looks.items()}
        self._file.write_text(json.dumps({"looks": looks, "ticks": self._ticks}))


@dataclass(frozen=True)
class Timely:
    """Looks at one kind of thing in a window of time. `shares`: how late each was that was wanted, in intervals, in
    order; a look that never came is late without end. `made`: those that came."""

    made: int
    wanted: int
    shares: list[float]

    def at(self, share: float) -> float:
        """The lateness, in intervals, that `share` (0 to 1) of the wanted looks stay below."""
        return (
            self.shares[min(len(self.shares) - 1, int(share * len(self.shares)))] if self.shares else MISSED
        )

    def within(self, intervals: float) -> float:
        """The share of the wanted looks that were at most so many intervals late."""
        return sum(s <= intervals for s in self.shares) / len(self.shares) if self.shares else 0.0

    def as_json(self) -> dict[str, Any]:
        late = {f"p{q * 100:g}": _finite(self.at(q)) for q in (0.5, 0.95, 0.99)}
        return {
            "made": self.made,
            "wanted": self.wanted,
            "late_in_intervals": late,
            "on_time": self.within(0.5),
        }


def judge(
    noted: Mapping[str, Any], since: float, until: float, wanted: Mapping[str, tuple[int, float]]
) -> Timely:
    """The looks of what `Lateness` wrote that were over between two moments (epoch seconds), all probes together.
    `wanted`: of each probe, at how many services it looks how often (seconds)."""
    shares: list[float] = []
    made = due = 0
    for probe, (services, every_s) in wanted.items():
        flat = noted["looks"].get(probe, [])
        mine = [late / every_s for at, late in zip(flat[::2], flat[1::2], strict=True) if since <= at < until]
        expected = int(services * ((until - since) / every_s))
        made, due = made + len(mine), due + expected
        shares += mine + [MISSED] * (expected - len(mine))
    return Timely(made, max(made, due), sorted(shares))


def _finite(value: float) -> float | None:
    return None if value == MISSED else round(value, 4)
