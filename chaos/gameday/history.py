"""What the agent made of each fault over all game days: the hardest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from chaos.gameday.grading import FIXED, HARM, RIGHT
from chaos.models import GameDayRun

LOOKED_BACK = 5_000  # runs
LATEST = 10  # outcomes of a fault that are shown in a row
WORTH = (FIXED, RIGHT)
EDGE = timedelta(hours=1)  # that a plot shows beside what it is of


@dataclass(frozen=True)
class Faced:
    """The agent's runs of one fault, newest first. Times are medians in seconds; None: never."""

    fault: str
    category: str
    runs: Sequence[GameDayRun]

    @property
    def fixed(self) -> int:
        return sum(run.fixed for run in self.runs)

    @property
    def right(self) -> int:
        """Named rightly at once: part and cause."""
        return sum(run.first_component_ok and run.first_cause_ok for run in self.runs)

    @property
    def harm(self) -> int:
        return sum(run.outcome == HARM for run in self.runs)

    @property
    def detect_s(self) -> float | None:
        return _median(run.detect_s for run in self.runs)

    @property
    def repair_s(self) -> float | None:
        return _median(run.repair_s for run in self.runs)

    @property
    def latest(self) -> Sequence[GameDayRun]:
        """Oldest of them first, as one reads a trend."""
        return [*reversed(self.runs[:LATEST])]

    @property
    def ease(self) -> tuple[float, float, float, float]:
        """The smaller, the harder: by harm, by what was worth something, fixed, named."""
        worth = sum(run.outcome in WORTH for run in self.runs)
        total = len(self.runs)
        return -self.harm / total, worth / total, self.fixed / total, self.right / total


def faced(fault: str = "") -> list[Faced]:
    """Of all faults, or of this one."""
    found = GameDayRun.objects.filter(game_day__baseline="").select_related("game_day").order_by("-at", "-pk")
    if fault:
        found = found.filter(fault=fault)
    groups: dict[str, list[GameDayRun]] = defaultdict(list)
    for run in found[:LOOKED_BACK]:
        groups[run.fault].append(run)
    return sorted(
        (Faced(name, runs[0].category, runs) for name, runs in groups.items()),
        key=lambda f: (f.ease, f.fault),
    )


def plot(one: Faced) -> dict[str, Any] | None:
    """Seconds to detect and to repair, run by run, as static/js/plot.js takes it; None: nothing to draw."""
    runs = [*reversed(one.runs)]
    named = (("to detect", "detect_s"), ("to repair", "repair_s"))
    series = [
        {"name": name, "unit": "s", "mode": "lines+markers",
         "x": [r.at.isoformat() for r in runs if getattr(r, key) is not None],
         "y": [getattr(r, key) for r in runs if getattr(r, key) is not None]}
        for name, key in named
    ]  # fmt: skip
    series = [line for line in series if line["y"]]
    span = [(runs[0].at - EDGE).isoformat(), (runs[-1].at + EDGE).isoformat()]
    return {"unit": "s", "series": series, "marks": [], "span": span} if series else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median(known) if known else None
