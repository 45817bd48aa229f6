"""What got another name and is still the same thing, by the number that its server knows it by.

A source may say of a thing, beside what it is, under which number it goes: a fact `relation no. 16412` whose value is
the key of another fact of its area. Such facts come and go untold; where the value of one changes, its thing was
renamed or moved, and is neither gone nor new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NUMBER = re.compile(r"(?P<of>relation no\. \d+)(?:, column no\. \d+)?")


def is_number(what: str) -> bool:
    return NUMBER.fullmatch(what) is not None


def moved(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Number -> (what it was called, what it is called now), of those that have another name. What only goes with a
    thing that was renamed is not told of itself. `then`, `now`: number -> name."""
    other = {n: (then[n], now[n]) for n in then.keys() & now.keys() if then[n] != now[n]}
    return {n: names for n, names in other.items() if (of := _of(n)) == n or of not in other}


def _of(number: str) -> str:
    found = NUMBER.fullmatch(number)
    return found["of"] if found else number
