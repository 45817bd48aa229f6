"""A change as a sentence."""

from __future__ import annotations

from systems.redact import MASK

VALUE = 80  # characters of a value in a sentence
WORDS = 500


def sentence(
    component: str, what: str, before: str | None, after: str | None, *, more: int = 0, later: bool = False
) -> str:
    """`log.level` of api changed from INFO to DEBUG. `more`: parts that came or went with it. `later`: it is written,
    and waits for the next start."""
    thing = f"`{what}` of {component}"
    parts = f", with {more} part{'s' if more > 1 else ''} of it" if more else ""
    if before is None:
        told = f"{thing} is new{parts}" + _tail(after, ": ")
    elif after is None:
        told = f"{thing} is gone{parts}" + _tail(before, "; it was ")
    elif before == after:
        told = f"{thing} changed (what it is, is not shown)" if MASK in after else f"{thing} changed"
    else:
        told = f"{thing} changed from {_short(before)} to {_short(after)}"
    return (told + (", from its next start on" if later else ""))[:WORDS]


def other_name(component: str, before: str, after: str) -> str:
    """`table s.orders` of database is called `table s.bills` now."""
    return f"`{before}` of {component} is called `{after}` now"[:WORDS]


def _tail(value: str | None, joint: str) -> str:
    return f"{joint}{_short(value)}" if value and MASK not in value and len(value) <= VALUE else ""


def _short(value: str) -> str:
    if value == "":
        return "nothing"
    line = " ".join(value.split())
    return line if len(line) <= VALUE else line[: VALUE - 1] + "…"
