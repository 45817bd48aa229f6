"""Times as people and tools write them, in seconds since 1970 UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

_NUMBER = re.compile(r"^-?\d+(?:\.\d+)?(?:[eE]\+?\d+)?$")
_APACHE = re.compile(r"^(\d{1,2})/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d)(?: ([+-]\d{4}))?")
_SLASHED = re.compile(r"^(\d{4})/(\d{1,2})/(\d{1,2})[ T](\d\d:\d\d:\d\d(?:\.\d+)?)")
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")
_ZONE_NAME = re.compile(r" (?:UTC|GMT|Z)$")
_OFFSET = re.compile(r" ([+-]\d\d):?(\d\d)(?: [A-Z]{3,4})?$")
# A record's time at the start of a line of text.
IN_LINE = re.compile(
    r"^\W{0,2}(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?|\d{10}(?:\.\d+)?\b|\d{13}\b)"
)
OLDEST, NEWEST = 9.4e8, 4.2e9  # 1999 to 2103: anything else is no time of an incident


def of_number(value: float) -> float | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size."""
    for unit in (1.0, 1e3, 1e6, 1e9):
        if OLDEST <= value / unit <= NEWEST:
            return value / unit
    return None


def parse(value: Any) -> float | None:
    """The time that `value` (number or text) stands for; None when it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return of_number(float(value))
    if isinstance(value, str) and 8 <= len(value) <= 64:
        return _of_text(value)
    if isinstance(value, dict):  # {"$date": ...}, {"seconds": ...}
        return parse(value.get("$date", value.get("seconds")))
    return None


@lru_cache(maxsize=65536)
def _of_text(text: str) -> float | None:
    text = text.strip()
    if _NUMBER.match(text):
        return of_number(float(text))
    for way in (_iso, _other):
        try:
            found = way(text)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        if found is not None:
            seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
            return seconds if OLDEST <= seconds <= NEWEST else None
    return None


def _iso(text: str) -> datetime:
    text = _LONG_FRACTION.sub(r"\1", text.replace(",", "."))
    text = _OFFSET.sub(r"\1:\2", _ZONE_NAME.sub("+00:00", text))
    return datetime.fromisoformat(text)


def _other(text: str) -> datetime | None:
    if found := _SLASHED.match(text):
        return datetime.fromisoformat(f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}T{found[4]}")
    if found := _APACHE.match(text):
        zone = found[5] or "+0000"
        return datetime.strptime(
            f"{found[1]} {found[2]} {found[3]} {found[4]} {zone}", "%d %b %Y %H:%M:%S %z"
        )
    for form in (
        "%a %b %d %H:%M:%S %Y %z",
        "%a %b %d %H:%M:%S %Y",
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y, %I:%M:%S %p",
    ):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return parsedate_to_datetime(text)


def in_line(text: str) -> float | None:
    """The time a line of text begins with."""
    found = IN_LINE.match(text)
    return parse(found[1]) if found else None


def as_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
