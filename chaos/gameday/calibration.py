"""How far stated confidence was right. `confidence` and rightness are of the first diagnosis of each run; runs without
one count in `unsaid`.

    brier   mean of (confidence - right)^2; 0 is perfect, 0.25 is what saying 50 % each time gets
    ece     expected calibration error: per tenth of confidence |mean confidence - share right|, weighed by how many
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SURE = 0.90
Row = Mapping[str, Any]


def is_right(row: Row) -> bool:
    return bool(row["first_component_ok"] and row["first_cause_ok"])


def of(rows: Sequence[Row]) -> dict[str, Any]:
    """Of the rows of one mode."""
    told = [(float(r["confidence"]), is_right(r)) for r in rows if r["confidence"] is not None]
    sure = [right for confidence, right in told if confidence >= SURE]
    return {
        "n": len(told),
        "unsaid": len(rows) - len(told),
        "brier": _round(sum((c - right) ** 2 for c, right in told) / len(told)) if told else None,
        "ece": _round(_ece(told)) if told else None,
        "sure": {"from": SURE, "n": len(sure), "right": sum(sure)},
        "tenths": _tenths(told),
    }


def per_mode(rows: Iterable[Row]) -> dict[str, Any]:
    """By mode, of the agent alone: a baseline states nothing of its own."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row.get("baseline"):
            found[row["mode"]].append(row)
    return {mode: of(mine) for mode, mine in sorted(found.items())}


def _tenths(told: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    """Those tenths in which anything was said. The last one holds 1.0 too."""
    groups: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in told:
        groups[min(int(confidence * 10 + 1e-9), 9)].append((confidence, right))
    return [
        {
            "from": tenth / 10,
            "to": (tenth + 1) / 10,
            "n": len(mine),
            "said": _round(sum(c for c, _ in mine) / len(mine)),
            "right": sum(right for _, right in mine),
        }
        for tenth, mine in sorted(groups.items())
    ]


def _ece(told: Sequence[tuple[float, bool]]) -> float:
    return float(sum(abs(t["said"] * t["n"] - t["right"]) for t in _tenths(told)) / len(told))


def _round(value: float) -> float:
    return round(value, 4)
