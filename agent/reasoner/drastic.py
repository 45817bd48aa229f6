"""How much likelier a change does harm than any change, by what it does: whether it takes something away or adds to it,
and how far it goes. In bits; no text of the trouble is looked at.

Who adds a table, an index, a right or a flag seldom breaks anything; who takes one away, forbids, hides or demands
something does. A number that changed its sign, came to nothing or is another order of magnitude is a likelier slip than
a small step. What only says how something talks or looks does next to nothing.
"""

from __future__ import annotations

import math
import re

from agent.reasoner.types import Change
from systems.state.renamed import is_number
from systems.state.types import NOT_THERE

SIZED = ("config", "env", "setting", "limit", "route", "data", "flag")
NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?)\s*([a-zA-Z%]*)$")
TALKS = re.compile(
    r"(^|[._\- ])(log|(slow|command)[_-]?log|logging|verbos\w*|colou?rs?|banners?|labels?|titles?|descriptions?"
    r"|comments?|greeting)"
    r"([._\- ]|$)",
    re.IGNORECASE,
)
DEMANDS = re.compile(r": (trigger|constraint|policy|rule) ")
FAMILIES = re.compile(
    r"(?P<number>smallint|integer|bigint|numeric|real|double)|(?P<text>text|character|varchar|citext)|(?P<time>timestamp|date)"
)
UNTIL, DATE = ": valid until", re.compile(r"\d{4}-\d\d-\d\d")
FOLLOWS, NOBODY = "follows", "nobody"  # of a server among others
HIDES = ("row security", "no login", "nobody may connect")
INDEX, COLUMN = ": index ", ": column "
WHOLLY, GREATLY, SOMEWHAT = 4.0, 2.0, 1.0
FAR_FROM = 4.0  # what cannot well do harm
FAR, NEAR = 100.0, 1.5  # one number from another, as a ratio
UNLIMITED = ("none", "unlimited", "infinity", "no limit", "max")
FORBIDS = re.compile(r"(?:^|\s)-[@~%+\w]")  # of what a user of the cache may do


def bits(change: Change) -> float:
    """From -FAR_FROM to WHOLLY; 0 where it says nothing."""
    if change.what == FOLLOWS and change.before == NOBODY:
        return GREATLY  # all wrote to it, and it takes nothing any more
    if (change.after or "").endswith(NOT_THERE):
        return WHOLLY
    if change.kind in SIZED:
        if TALKS.search(change.what) or allows_more(change):
            return -FAR_FROM
        if allows_less(change) and not math.isfinite(_limits(change)[0]):
            return SOMEWHAT
        return _by_size(change.before, change.after)
    if change.kind == "schema":
        return _of_schema(change)
    if change.kind == "grant":
        return _of_rights(change.before, change.after)
    if change.kind in ("role", "access") and change.what.startswith(("user ", "role ", "database ")):
        return GREATLY if _is_over(change) else _of_access(change.before, change.after)
    return 0.0


def allows_more(change: Change) -> bool:
    """Whether it raises a limit: nothing runs out for that."""
    was, now = _limits(change)
    return 0 < was < now


def allows_less(change: Change) -> bool:
    """Whether it lowers a limit, or sets one where there was none."""
    was, now = _limits(change)
    return 0 < now < was


def _limits(change: Change) -> tuple[float, float]:
    """Of a change of a limit both, infinite where there is none; else (0, 0)."""
    if change.kind != "limit":
        return 0.0, 0.0
    was, now = ((value or "").strip().lower() in UNLIMITED for value in (change.before, change.after))
    if was is now:
        return _numbers(change.before, change.after)
    found = NUMBERS.match((change.after if was else change.before or "") or "")
    there = abs(float(found[1])) if found else 0.0
    return (math.inf, there) if was else (there, math.inf)


def _is_over(change: Change) -> bool:
    """Whether it is a date until which something holds, and that is past."""
    until = DATE.match(change.after or "") if change.what.endswith(UNTIL) else None
    return until is not None and until[0] <= f"{change.first_new:%Y-%m-%d}"


def distance(change: Change) -> float:
    """How far one number is from the other, as the logarithm of their ratio; 0 for what is none."""
    was, now = _numbers(change.before, change.after)
    return abs(math.log2(now / was)) if was * now > 0 else 0.0


def _numbers(before: str | None, after: str | None) -> tuple[float, float]:
    """Both, where they have the same unit; else (0, 0)."""
    old, new = (NUMBERS.match((value or "").strip()) for value in (before, after))
    return (float(old[1]), float(new[1])) if old and new and old[2] == new[2] else (0.0, 0.0)


def _by_size(before: str | None, after: str | None) -> float:
    was, now = _numbers(before, after)
    if was == now:
        return 0.0
    if was * now < 0:
        return GREATLY
    if not was or not now:
        return SOMEWHAT
    ratio = max(was / now, now / was)
    return SOMEWHAT if ratio >= FAR else -SOMEWHAT if ratio <= NEAR else 0.0


def _of_schema(change: Change) -> float:
    index = INDEX in change.what
    if change.after is None:
        return SOMEWHAT if index else GREATLY
    if _hides(change.before, change.after):
        return GREATLY
    if change.before is not None and is_number(change.what):
        return 0.0 if INDEX in change.before else GREATLY  # nobody finds it under the name that they know
    if change.before is not None:
        return -GREATLY if index else _of_type(change)
    if DEMANDS.search(change.what) or (" not null" in change.after and " default " not in change.after):
        return SOMEWHAT
    return -GREATLY


def _of_type(change: Change) -> float:
    """Of a column: what reads and writes it was made for the old type, and one of another family it cannot take."""
    was, now = (
        re.split(r" not null| default |, ", value or "")[0] for value in (change.before, change.after)
    )
    if COLUMN not in change.what or was == now:
        return 0.0
    return SOMEWHAT if _family(was) == _family(now) else GREATLY


def _family(kind: str) -> str:
    found = FAMILIES.match(kind)
    return (found.lastgroup or "") if found else kind


def _of_rights(before: str | None, after: str | None) -> float:
    was, now = set((before or "").split(", ")) - {""}, set((after or "").split(", ")) - {""}
    return SOMEWHAT if was - now else -GREATLY if now > was else 0.0


def _of_access(before: str | None, after: str | None) -> float:
    if after is None:
        return SOMEWHAT
    if before is None:
        return -GREATLY  # one more who may come in keeps nobody out
    forbids = set(FORBIDS.findall(f" {after}")) - set(FORBIDS.findall(f" {before}"))
    return GREATLY if _hides(before, after) else SOMEWHAT if forbids else 0.0


def _hides(before: str | None, after: str | None) -> bool:
    return any(word in (after or "") and word not in (before or "") for word in HIDES)
