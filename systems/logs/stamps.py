"""Time stamps: aware where the text tells the zone, None where it does not. Nobody's zone is guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

# Names that mean one zone wherever they are used.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "BST": 1, "EET": 2,
    "EEST": 3, "MSK": 3, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9,
    "HST": -10, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "BRT": -3,
}  # fmt: skip
_NAMES = "|".join(sorted((*_ZONES, "IST", "WIB", "PKT", "ART", "CLT", "COT"), key=len, reverse=True))
ISO = (
    r"\d{4}[-/.]\d\d[-/.]\d\d(?:[T _\-]|, )\d\d[:.]\d\d[:.]\d\d(?:[.,:]\d+)?"
    rf"(?: ?(?:{_NAMES})\b| ?[+-]\d\d:?\d\d\b|(?: (?=[+-]\d\d \[))?[+-]\d\d(?=[\s\]|,]|$))?"
)
MINUTES = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)"
CLF = r"\d\d?/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?"
CTIME = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [A-Z]{3,4})? \d{4}"
SYSLOG = r"[A-Z][a-z]{2} [ \d]?\d(?:,? \d{4},?)? \d\d?:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?"
DAY_FIRST = (
    r"\d\d?[- /][A-Z][a-z]{2}[- /]\d{4}[ T:]{1,2}\d\d:\d\d:\d\d(?:[.,]\d+)?(?: (?:UTC|GMT"
    r"|[+-]\d\d:?\d\d|[A-Z][a-z]+/[A-Z]\w+))?"
)
SLASHED = r"\d\d?/\d\d?/\d{2,4}[, ]+\d\d?:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?"
COMPACT = r"\d{8}[-T :]?\d\d:?\d\d:?\d\d(?:[.,:]\d+)?Z?|\d{6} [ \d]?\d\d?:?\d\d:?\d\d"
DAY_ONLY = r"\d\d[-.]\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?"
CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M)?|\d\d?:\d\d[AP]M"
EPOCH = r"1\d{9}(?:\.\d+)?(?=[\s\]|,:])|1\d{12}(?=[\s\]|,:])"
HTTP = r"[A-Z][a-z]{2}, \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?: (?:GMT|UTC|[+-]\d{4}))?"
ANY = "|".join((ISO, CLF, HTTP, CTIME, DAY_FIRST, SLASHED, COMPACT, DAY_ONLY, EPOCH, CLOCK, SYSLOG, MINUTES))

_MONTHS = {
    m: i
    for i, m in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_FRACTION = re.compile(r"(?<=\d\d:\d\d:\d\d)[,:](?=\d)")
_NAMED = re.compile(r"^(.*\d) ?([A-Z]{1,5})$")
_DAYS = re.compile(r"^(\d\d?)[-/ ]([A-Z][a-z]{2})[-/ ](\d{4})[ T:]{1,2}([\d:.,]+)(?: (\S+))?$")
_CTIME = re.compile(r"^[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d\d?) ([\d:.]+)(?: ([A-Z]{3,4}))? (\d{4})$")
_HTTP = re.compile(r"^[A-Z][a-z]{2}, (\d\d?) ([A-Z][a-z]{2}) (\d{4}) ([\d:]+)(?: (\S+))?$")
_COMPACT = re.compile(r"^(\d{4})(\d\d)(\d\d)[-T :]?(\d\d):?(\d\d):?(\d\d)(?:[.,:](\d+))?(Z?)$")
_SLASHED = re.compile(r"^(\d\d?)/(\d\d?)/(\d{4})[, ]+(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?: ([AP]M))?$")
OLDEST, NEWEST = 9.4e8, 4.2e9  # 1999 to 2103: any other number is no time


def of_number(value: float) -> datetime | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size."""
    for unit in (1.0, 1e3, 1e6, 1e9):
        if OLDEST <= value / unit <= NEWEST:
            return datetime.fromtimestamp(value / unit, UTC)
    return None


def aware(stamp: object, zone: tzinfo | None = None) -> datetime | None:
    """The moment of a stamp. None without a date, or without a zone (unless `zone` says which it would be)."""
    if isinstance(stamp, bool) or stamp is None:
        return None
    if isinstance(stamp, int | float):
        return of_number(float(stamp))
    if isinstance(stamp, dict):  # {"$date": ...}
        return aware(stamp.get("$date", stamp.get("seconds")), zone)
    if not isinstance(stamp, str) or not 8 <= len(stamp) <= 64:
        return None
    text = stamp.strip("[] \t")
    try:
        if text.replace(".", "", 1).isdigit() and not _COMPACT.match(text):
            return of_number(float(text))
        found = _read(text)
    except (ValueError, OverflowError, KeyError):
        return None
    if found is None or found.tzinfo is not None:
        return found
    return found.replace(tzinfo=zone) if zone is not None else None


def _read(text: str) -> datetime | None:
    if text[4:5] in "-/." and text[:4].isdigit():
        return _iso(text)
    for shape, make in _SHAPES:
        if found := shape.match(text):
            return make(found)
    return None


def _iso(text: str) -> datetime:
    date = text[:10].replace("/", "-").replace(".", "-")
    clock = text[11:].lstrip()
    if clock[2:3] == ".":  # 2005-06-03-15.42.50.675872
        clock = clock[:8].replace(".", ":") + clock[8:]
    clock = _FRACTION.sub(".", clock)
    zone: tzinfo | None = None
    if named := _NAMED.match(clock):
        clock = named[1]
        zone = timezone(timedelta(hours=_ZONES[named[2]])) if named[2] in _ZONES else None
    found = datetime.fromisoformat(f"{date}T{clock.replace(' ', '')}")
    return found.replace(tzinfo=zone) if zone is not None else found


def _day_first(m: re.Match[str]) -> datetime:
    found = datetime.fromisoformat(f"{m[3]}-{_MONTHS[m[2]]:02}-{int(m[1]):02}T{m[4].replace(',', '.')}")
    return found.replace(tzinfo=_zone(m[5]))


def _http(m: re.Match[str]) -> datetime:
    found = datetime.fromisoformat(f"{m[3]}-{_MONTHS[m[2]]:02}-{int(m[1]):02}T{m[4]}")
    return found.replace(tzinfo=_zone(m[5]))


def _ctime(m: re.Match[str]) -> datetime:
    return datetime.fromisoformat(f"{m[5]}-{_MONTHS[m[1]]:02}-{int(m[2]):02}T{m[3]}").replace(
        tzinfo=_zone(m[4])
    )


def _compact(m: re.Match[str]) -> datetime:
    found = datetime.fromisoformat(f"{m[1]}-{m[2]}-{m[3]}T{m[4]}:{m[5]}:{m[6]}.{(m[7] or '0')[:6]:0<6}")
    return found.replace(tzinfo=UTC if m[8] else None)


def _slashed(m: re.Match[str]) -> datetime:
    hour = int(m[4]) % 12 + (12 if m[8] == "PM" else 0) if m[8] else int(m[4])
    month, day = (int(m[1]), int(m[2])) if int(m[1]) <= 12 else (int(m[2]), int(m[1]))
    return datetime(int(m[3]), month, day, hour, int(m[5]), int(m[6]))  # the text has no zone


def _zone(name: str | None) -> tzinfo | None:
    if not name:
        return None
    if name in _ZONES:
        return timezone(timedelta(hours=_ZONES[name]))
    if name[0] in "+-":
        digits = name[1:].replace(":", "")
        span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
        return timezone(-span if name[0] == "-" else span)
    return None


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], datetime]], ...] = (
    (_DAYS, _day_first), (_HTTP, _http), (_CTIME, _ctime), (_COMPACT, _compact), (_SLASHED, _slashed),
)  # fmt: skip
