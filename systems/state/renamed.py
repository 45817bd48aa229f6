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
    """Number -> (what it was called, what it is called now), of those that have another name, as far as the earlier one
    is nobody's now and the new one was nobody's before: else the numbers may be those of another server. Of a table's
    columns those that are called otherwise themselves. `then`, `now`: number -> name."""
    earlier, later = set(then.values()), set(now.values())
    other = {
        n: (then[n], now[n])
        for n in then.keys() & now.keys()
        if then[n] != now[n] and then[n] not in later and now[n] not in earlier
    }
    tables = {n: names for n, names in other.items() if _of(n) == n}
    columns = {
        n: names for n, names in other.items()
        if n not in tables and (_of(n) not in other or _own(names[0]) != _own(names[1]))
    }  # fmt: skip
    return tables | columns


def under(name: str, names: Mapping[str, str]) -> str:
    """A key of what is called otherwise now, or belongs to it, as it is today."""
    for old, new in sorted(names.items(), key=lambda item: -len(item[0])):
        if name == old or name.startswith((f"{old}: ", f"{old}, ")):
            return new + name[len(old) :]
    return name


def _own(name: str) -> str:
    return name.rpartition(": ")[2]


def _of(number: str) -> str:
    found = NUMBER.fullmatch(number)
    return found["of"] if found else number
