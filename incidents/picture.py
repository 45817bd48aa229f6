"""One picture of a system at one moment: every signal's state, the health of every part, a few figures, one stamp.

Who decides or shows something of a system reads one picture and nothing beside it. The rows of symptoms are its
history: what began and ended when, and which incident it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from incidents.health import NEVER_READ, Health, Name, is_trouble, judge_all, name_of
from incidents.signals import CATALOG
from incidents.signals.base import SLICED, SignalState
from incidents.signals.judging.engine import Engine

# What is shown beside a part's health: the first of the readings that it has.
FIGURES = {
    "latency_ms": ("http.latency_ms", "pg.latency_ms", "tcp.connect_ms", "app.p50_ms", "app.mean_ms"),
    "cpu_pct": ("proc.cpu_pct",),
    "rss_mb": ("proc.rss_mb",),
    "error_rate": ("log.error_rate",),
}
QUIET_TEXT = 120  # kept of the words of what does not hold


@dataclass(frozen=True)
class Picture:
    """`at`: when it was taken, None when there is none and nothing is known. `starved`: the watcher had too little of
    the machine, so what is slow or silent is unknown in it. `open_`: symptoms that were seen and not seen to end, also
    where nothing can be read any more. `leaks`: how often signs hold in peace, of those that were counted."""

    at: datetime | None = None
    starved: bool = False
    states: list[SignalState] = field(default_factory=list)
    open_: frozenset[Name] = frozenset()
    health: Mapping[str, Health] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    leaks: Mapping[str, float] = field(default_factory=dict)

    @property
    def stamp(self) -> str | None:
        """`at` in ISO; another one with every tick."""
        return self.at.isoformat() if self.at else None

    def of(self, part: str) -> Health:
        return self.health.get(part, NEVER_READ)

    def holds(self, name: Name) -> bool | None:
        """Whether a symptom that was seen holds now; None where it cannot be read, or nothing speaks of it."""
        return self._values.get(name)

    @cached_property
    def _values(self) -> dict[Name, bool | None]:
        return {name_of(s): s.value for s in self.states}

    @property
    def troubles(self) -> list[SignalState]:
        """What is wrong now, and what was and cannot be read any more, as far as incidents are opened by it."""
        return [s for s in self.states if is_trouble(s) or (s.value is None and self._is_open(s))]

    def _is_open(self, state: SignalState) -> bool:
        signal = CATALOG.get(state.signal)
        return signal is not None and signal.opens_by(state.text) and name_of(state) in self.open_

    # -- as JSON -----------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        return {
            "at": _stamp(self.at),
            "starved": self.starved,
            "states": [self._row(s) for s in self.states],
            "health": {name: [h.word, h.reason] for name, h in self.health.items()},
            "figures": self.figures,
            "leaks": self.leaks,
        }

    def _row(self, s: SignalState) -> list[Any]:
        text = s.text if s.value else s.text[:QUIET_TEXT]
        is_open = int(name_of(s) in self.open_)
        return [
            s.signal,
            s.service,
            s.label,
            s.value,
            s.reading_value,
            text,
            _stamp(s.onset),
            _stamp(s.fresh),
            int(s.quality == "unsure"),
            is_open,
        ]

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Picture:
        """What `to_json` gave; signals of another version of the catalogue are left out."""
        rows = [row for row in kept["states"] if row[0] in CATALOG]
        states = [_state(*row[:-1]) for row in rows]
        return cls(
            _time(kept["at"]),
            bool(kept["starved"]),
            states,
            frozenset(name_of(s) for s, row in zip(states, rows, strict=True) if row[-1]),
            {name: Health(word, reason) for name, (word, reason) in kept["health"].items()},
            kept["figures"],
            kept["leaks"],
        )


def taken(engine: Engine, at: datetime) -> Picture:
    """Everything the watcher knows at this moment, with one stamp."""
    states, parts = engine.states(), engine.graph.kinds
    open_ = frozenset((k.signal.id, k.service, k.label) for k in engine.keys if k.active)
    return Picture(
        at,
        engine.quiet.starved,
        states,
        open_,
        judge_all(states, parts, open_),
        _figures(parts, engine.latest),
        engine.leaks.rates(engine.catalog),
    )


def _figures(
    parts: Iterable[str], latest: Mapping[str, Mapping[tuple[str, str], float | None]]
) -> dict[str, Any]:
    """`latest`: metric -> (service, label) -> value."""
    found: dict[str, dict[str, float]] = {}
    for part in parts:
        for name, metrics in FIGURES.items():
            values = (latest.get(metric, {}).get((part, "")) for metric in metrics)
            if (value := next((v for v in values if v is not None), None)) is not None:
                found.setdefault(part, {})[name] = round(value, 3)
    return found


def _state(
    name: str, service: str, label: str, value: bool | None, reading: float | None, text: str,
    onset: float | None, fresh: float | None, unsure: int,
) -> SignalState:  # fmt: skip
    signal = CATALOG[name]
    return SignalState(
        name, service, label, value, reading, text, _time(onset), signal.source, _time(fresh),
        "unsure" if unsure else "sure", signal.author, label if signal.author in SLICED else "",
    )  # fmt: skip


def _time(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def _stamp(at: datetime | None) -> float | None:
    return None if at is None else round(at.timestamp(), 3)
