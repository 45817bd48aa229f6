"""What an order comes to."""

from __future__ import annotations


def quote(amount: float, fee: float) -> float:
    """Goods and fee together, in euros."""
    return round(amount + fee, 2)
