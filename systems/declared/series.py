"""What was answered as series: one value, or one for each label."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from systems.declared.answers import CallFailed, NothingThere
from systems.readings import clean

LABEL = 80  # letters of a label
WORD = 200  # letters of a value that is a text
VALUE = "value"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Value:
    """`number`: None where it is none. `text`: as it was answered."""

    number: float | None
    text: str


Series = dict[str, Value | None]  # by label; None: nothing stands there


def series(found: Any) -> Series:
    """One value under the label "", or one for each label: of a mapping by its keys; of a list of mappings by what
    stands in all columns but `value`, or but the last one. CallFailed: it is none of these."""
    if found is None:
        raise NothingThere("nothing stands there (null)")
    if isinstance(found, Mapping):
        return dict(_each(found.items()))
    if not isinstance(found, list):
        return {"": value_of(found)}
    if not all(isinstance(row, Mapping) and row for row in found):
        raise CallFailed("a list of plain values has no labels: it is one value, or a list of mappings")
    return dict(_each(map(_of_row, found)))


def _of_row(row: Mapping[str, Any]) -> tuple[str, Any]:
    key = VALUE if VALUE in row else list(row)[-1]
    return " ".join("-" if v is None else _text(v) for k, v in row.items() if k != key), row[key]


def _each(items: Any) -> Iterator[tuple[str, Value | None]]:
    for label, item in items:
        yield clean(str(label), LABEL), None if item is None else value_of(item)


def value_of(item: Any) -> Value:
    """A number, a truth, or a text; a text that reads as a number is one."""
    if isinstance(item, bool):
        return Value(float(item), _text(item))
    if isinstance(item, int | float):
        number = float(item) if abs(item) < 1e300 else math.inf
        if not math.isfinite(number):
            raise CallFailed("it is no finite number")
        return Value(number, f"{item}")
    if not isinstance(item, str):
        raise CallFailed(f"what stands there is neither a number nor a text, but a {type(item).__name__}")
    text = item.strip()
    number = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else math.nan
    return Value(number if math.isfinite(number) else None, clean(text, WORD))


def _text(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)
