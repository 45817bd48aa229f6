"""Numbers and days that somebody typed into an address or a form: read strictly, refused in words (400)."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import BadRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

MAX_NUMBER = 2_147_483_647  # what a column for numbers holds
FIRST_YEAR, LAST_YEAR = 1970, 2200


def number(text: str | None, name: str, default: int = 0) -> int:
    """A whole number from 0 on; `default` when nothing was typed. BadRequest says what to mend."""
    typed = (text or "").strip()
    if not typed:
        return default
    if not (typed.isascii() and typed.isdigit()):
        raise BadRequest(f"{name}: write a whole number with the digits 0 to 9")
    if len(typed) > 10 or int(typed) > MAX_NUMBER:
        raise BadRequest(f"{name}: the number is too big; at most {MAX_NUMBER}")
    return int(typed)


def day(text: str | None, name: str) -> datetime | None:
    """The start of a day written 2026-11-28, in the portal's time zone; None when nothing was typed."""
    typed = (text or "").strip()
    if not typed:
        return None
    try:
        found = parse_date(typed) if typed.isascii() else None
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise BadRequest(f"{name}: write a day like 2026-11-28, between {FIRST_YEAR} and {LAST_YEAR}")
    return datetime(found.year, found.month, found.day, tzinfo=timezone.get_current_timezone())


def moment(text: str | None, name: str) -> datetime | None:
    """A time written 2026-11-28T14:03, with seconds and zone if wanted (else the portal's); None when nothing was
    typed."""
    typed = (text or "").strip()
    if not typed:
        return None
    try:  # a + of an address that nobody escaped is a blank
        found = parse_datetime(typed) or parse_datetime(typed.replace(" ", "+")) if typed.isascii() else None
        found = found.replace(tzinfo=found.tzinfo or timezone.get_current_timezone()) if found else None
        known = found is not None and FIRST_YEAR <= found.year <= LAST_YEAR
    except ValueError:
        known = False
    if not known:
        raise BadRequest(f"{name}: write a time like 2026-11-28T14:03, between {FIRST_YEAR} and {LAST_YEAR}")
    return found


def way_back(wanted: str | None, default: str) -> str:
    """The page of ours that a form asks to go back to; `default` when it names none, or somebody else's."""
    wanted = wanted or ""
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if ours else default
