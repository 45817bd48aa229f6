"""Numbers in order as a short text: [0, 1, 2, 5] is "0-2,5"."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 1_000_000  # numbers one text may stand for


def spans(numbers: Sequence[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def spread(text: str) -> list[int]:
    """The numbers again. ValueError when it is no such text, or stands for too many."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        start, end = int(first), int(last or first)
        if end - start >= MOST or len(found) >= MOST:
            raise ValueError(f"more than {MOST} numbers")
        found += range(start, end + 1)
    return found
