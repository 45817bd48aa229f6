"""A measured series and the rows of the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Series:
    """Samples in one unit. Percentiles are of the samples themselves, not interpolated."""

    unit: str
    samples: list[float] = field(default_factory=list)

    def at(self, share: float) -> float | None:
        """The sample below which `share` (0 to 1) of them lie; None without samples."""
        if not self.samples:
            return None
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float | None:
        return self.at(0.5)

    def words(self, *shares: float) -> str:
        """`median 214 ms, p90 260 ms, n 10`."""
        if not self.samples:
            return "not measured"
        named = [f"{'median' if s == 0.5 else f'p{s * 100:g}'} {self.at(s):.0f} {self.unit}" for s in shares]
        return ", ".join([*named, f"n {len(self.samples)}"])

    def as_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "n": len(self.samples),
            "median": self.median,
            "p90": self.at(0.9),
            "p99": self.at(0.99),
            "samples": [round(s, 1) for s in self.samples],
        }


@dataclass
class Row:
    """One line of the report. `note` says how it was measured, and what was not there."""

    name: str
    figure: str
    peers: str = "-"
    note: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
