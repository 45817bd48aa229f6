"""What the page draws: the graph around what is suspected, and when what began."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsportal.drawing.servicemap import Layout, layout

MOST_NODES = 24
LANES = 14


@dataclass(frozen=True)
class Mark:
    """A point on the time axis: `left` in per cent of its width."""

    left: float
    at: datetime
    words: str


@dataclass(frozen=True)
class Lane:
    name: str
    marks: list[Mark]


def moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds > 1e8 else None


def graph(edges: Sequence[Sequence[str]], suspects: Sequence[Mapping[str, Any]]) -> Layout | None:
    """The suspected parts with their neighbours, at most MOST_NODES; None when nobody knows who calls whom."""
    near: dict[str, set[str]] = defaultdict(set)
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    shown: dict[str, None] = {}
    layer = [str(s["component"]) for s in suspects if s["component"] in near] or sorted(near)[:1]
    while layer and len(shown) < MOST_NODES:
        shown.update(dict.fromkeys(layer[: MOST_NODES - len(shown)]))
        layer = sorted({o for n in layer for o in near[n]} - shown.keys())
    if len(shown) < 2:
        return None
    return layout({n: sorted({b for a, b in edges if a == n and b in shown}) for n in shown})


def lanes(found: Mapping[str, Any]) -> tuple[list[Lane], list[datetime]]:
    """A lane for each part with what began there, the earliest first, and one for the changes before; and the ends of
    the axis."""
    onsets = [(str(c), str(t), float(at)) for c, t, at in found["onsets"] if at > 1e8]
    if not onsets:
        return [], []
    times = [at for _, _, at in onsets]
    low, high = min(times), max(times)
    changes = [c for c in found["changes"] if low - 6 * 3600 <= c["at"] <= high + 3600]
    low, high = min([low, *(c["at"] for c in changes)]), max([high, *(c["at"] for c in changes)])
    pad = max((high - low) * 0.04, 5.0)
    low, high = low - pad, high + pad

    def mark(at: float, words: str) -> Mark:
        return Mark(round(100 * (at - low) / (high - low), 2), datetime.fromtimestamp(at, UTC), words)

    by_part: dict[str, dict[float, str]] = defaultdict(dict)
    for component, text, at in sorted(onsets, key=lambda o: o[2]):
        by_part[component].setdefault(round(at), text)
    rows = [Lane("changes", [mark(c["at"], c["words"]) for c in changes])] if changes else []
    rows += [
        Lane(n, [mark(at, text) for at, text in marks.items()]) for n, marks in list(by_part.items())[:LANES]
    ]
    return rows, [datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC)]
