"""When a change was, in words and as a moment. All times in words are UTC and say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from systems.state.types import REPORTED, REQUESTS, Change

WIDE = timedelta(seconds=2)  # an interval below this is told as one moment


def moment(change: Change) -> datetime:
    """The best single moment: as `exact` has it; else when the new value was first seen, and of what was done or told,
    when it began."""
    return change.last_old if lasts(change) else exact(change) or change.first_new


def exact(change: Change) -> datetime | None:
    """When it was written or came into effect, where a source told that, within the interval."""
    told = (t for t in (change.written_at, change.effective_at) if t is not None)
    return next((t for t in told if change.last_old <= t <= change.first_new), None)


def lasts(change: Change) -> bool:
    """Whether its interval is how long it went on, and not how exactly its time is known."""
    return change.source == REQUESTS or change.kind in REPORTED


def is_wide(change: Change) -> bool:
    """Whether one moment would say more than is known."""
    known = exact(change) is not None and not lasts(change)
    return not known and change.first_new - change.last_old > WIDE


def stamp(at: datetime, now: datetime | None) -> str:
    """14:03:10, with the day where that is not today, or is not known."""
    at = at.astimezone(UTC)
    if now is not None and at.date() == now.astimezone(UTC).date():
        return f"{at:%H:%M:%S}"
    return f"{at:%Y-%m-%d %H:%M:%S}"


def when(change: Change, now: datetime | None = None) -> str:
    """`14:03:12 UTC`, `between 14:03:10 and 14:03:14 UTC`, or `from 14:03:10 to 14:03:14 UTC` of what went on."""
    if not is_wide(change):
        return f"{stamp(moment(change), now)} UTC"
    start, end = stamp(change.last_old, now), stamp(change.first_new, now)
    if change.last_old.astimezone(UTC).date() == change.first_new.astimezone(UTC).date():
        end = f"{change.first_new.astimezone(UTC):%H:%M:%S}"
    return f"from {start} to {end} UTC" if lasts(change) else f"between {start} and {end} UTC"


def effect(change: Change, now: datetime) -> str:
    """From when it counts, where that is another time; else empty."""
    if change.pending:
        return "is still going on" if change.source == REQUESTS else "written, not in effect yet"
    at = change.effective_at
    if at is None or lasts(change) or change.last_old - WIDE <= at <= change.first_new + WIDE:
        return ""
    return f"in effect from {stamp(at, now)} UTC"
