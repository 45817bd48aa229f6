"""Waiting by evidence: what counts is how many fresh pictures have been looked at, not how many seconds went by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

APART = timedelta(
    seconds=0.6
)  # of evidence time: pictures that an event pushed in between are no looks of their own


def is_fresh(memory: dict[str, Any], stamp: str | None, name: str) -> bool:
    """Whether the picture taken at `stamp` (ISO) is one more look for the count `name`; remembers it when it is."""
    last = memory.get(name)
    if stamp is None or (last and datetime.fromisoformat(stamp) - datetime.fromisoformat(last) < APART):
        return False
    memory[name] = stamp
    return True
