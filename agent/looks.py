"""Waiting by evidence: what counts is how many fresh pictures have been looked at, not how many seconds went by."""

from __future__ import annotations

from datetime import datetime, timedelta

APART = timedelta(
    seconds=0.6
)  # of evidence time: pictures that an event pushed in between are no looks of their own


def is_fresh(picture: datetime | None, last: datetime | None) -> bool:
    """Whether the picture taken then is a look of its own after the one taken `last`."""
    return picture is not None and (last is None or picture - last >= APART)
