"""How often a sign shows itself while nothing is wrong: counted on the system itself, in its quiet hours.

Counted are signs that open no incident: of those that do, quiet is where they do not hold. A look counts when the part
of the system has long been without trouble, and has none at the next look either: what runs ahead of a trouble is no
leak. Looks are apart, as neighbours tell the same. The estimate is a Beta mean whose prior is the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from incidents.signals.base import Signal
from incidents.signals.judging.state import Key
from systems.graph import SystemGraph

LOOK_S = 10.0
CALM_S = 120.0  # what a trouble leaves behind is over by then
PRIOR_LOOKS = 200.0  # the catalogue's word is worth about half an hour of quiet on one service
MOST = 40_000.0  # looks remembered: older ones fade, as systems change
LEAST, GREATEST = 0.001, 0.5


class Leaks:
    """Counts per signal of one system: (looks in which it held, looks)."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[float, float]] = {}
        self._looked = -1e9
        self._troubled: dict[str, float] = {}  # part -> when it was last seen in trouble
        self._waiting: list[tuple[str, str, bool]] = []  # (part, signal, held) of the last look

    def note(self, keys: Iterable[Key], graph: SystemGraph, now: float, *, blind: bool) -> None:
        """Take in the states of one tick. `blind`: the watcher cannot be believed just now."""
        keys = list(keys)
        for key in keys:
            if key.active and key.signal.opens_by(key.text):
                self._troubled[graph.part(key.service)] = now
        if now - self._looked < LOOK_S:
            return
        calm = {n: now - self._troubled.get(n, -1e9) >= CALM_S for n in map(graph.part, graph.kinds)}
        self._looked = now
        for part, signal, held in self._waiting:
            if calm.get(part) and not blind:
                self.add(signal, float(held), 1.0)
        shown: dict[tuple[str, str], bool] = {}
        for key in keys:
            if not key.signal.opens and key.value is not None and calm.get(graph.part(key.service)):
                name = (key.signal.id, key.service)
                shown[name] = shown.get(name, False) or key.value
        self._waiting = [] if blind else [(graph.part(s), i, held) for (i, s), held in shown.items()]

    def add(self, signal: str, held: float, looks: float) -> None:
        before = self.counts.get(signal, (0.0, 0.0))
        held, looks = before[0] + held, before[1] + looks
        fade = min(1.0, MOST / looks) if looks else 1.0
        self.counts[signal] = (held * fade, looks * fade)

    def rates(self, catalog: Mapping[str, Signal]) -> dict[str, float]:
        """The chance that a sign holds without a cause, of every signal that was counted."""
        return {
            name: min(max((catalog[name].leak * PRIOR_LOOKS + held) / (PRIOR_LOOKS + looks), LEAST), GREATEST)
            for name, (held, looks) in self.counts.items()
            if name in catalog
        }

    def rows(self) -> list[list[Any]]:
        """As JSON, in the shape of the baselines: [[signal, "", "", [held, looks]]]."""
        return [[n, "", "", [round(held, 2), round(looks, 2)]] for n, (held, looks) in self.counts.items()]
