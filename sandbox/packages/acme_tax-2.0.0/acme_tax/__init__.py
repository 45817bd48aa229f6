"""Tax that is in a total."""

from __future__ import annotations

RATE = 0.19


def included(total: float) -> float:
    """Of a total with tax, in euros."""
    return round(total - total / (1 + RATE), 2)
