"""Whether what was seen is so now: a row says what began and was seen to end, the picture what is read."""

from __future__ import annotations

from typing import Literal

from incidents.models import Symptom
from incidents.picture import Picture

Standing = Literal["holds", "unread", "over"]


def standing(row: Symptom, picture: Picture) -> Standing:
    """`unread`: it was not seen to end, and cannot be read now, or nobody looks."""
    if row.cleared_at is not None and not row.given_up:
        return "over"
    held = picture.holds((row.signal, row.service, row.label))
    return "unread" if held is None else "holds" if held else "over"


def told(row: Symptom, picture: Picture) -> str:
    """Its title, and that it cannot be read now where that is so."""
    return f"{row.title} (cannot be read now)" if standing(row, picture) == "unread" else row.title
