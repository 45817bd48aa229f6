"""What an order comes to, in any currency."""

from __future__ import annotations


def quote(*, amount: float, fee: float, currency: str = "EUR") -> tuple[float, str]:
    """Goods and fee together."""
    return round(amount + fee, 2), currency
