"""What a reading makes of an answer: a figure of it, less another or as percent of one, or how fast it rises."""

from __future__ import annotations

from typing import Any

from systems.declared.answers import CallFailed, NothingThere, at_path
from systems.declared.series import Series, Value, value_of
from systems.manifest.watched import ReadingSpec


def figured(spec: ReadingSpec, found: Any) -> Any:
    """What stands at the path, less `minus`, as percent of `percent_of`. CallFailed when that cannot be reckoned."""
    value = at_path(found, spec.path)
    if spec.minus:
        value = _number(value, spec.path) - _number(at_path(found, spec.minus), spec.minus)
    if spec.percent_of:
        whole = _number(at_path(found, spec.percent_of), spec.percent_of)
        if not whole:
            raise NothingThere(f"{spec.percent_of} is 0, and nothing is a share of that")
        value = 100 * _number(value, spec.path) / whole
    return value


def _number(item: Any, path: str) -> float:
    number = value_of(item).number
    if number is None:
        raise CallFailed(f"what stands at {path!r} is no number")
    return number


class Rising:
    """How fast the counters of one reading rise. One that has fallen was started anew, and counts from nothing."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}  # label -> when it was asked for, and the count

    def a_second(self, found: Series, at: float) -> Series:
        """Of each label that was counted before; `at`: when this was asked for. What is no number stays what it is."""
        rates: Series = {}
        counted: dict[str, tuple[float, float]] = {}
        for label, value in found.items():
            if value is None or value.number is None:
                rates[label] = value
                continue
            counted[label] = at, value.number
            if (before := self._last.get(label)) is not None and at > before[0]:
                rose = value.number - before[1] if value.number >= before[1] else value.number
                rate = rose / (at - before[0])
                rates[label] = Value(rate, f"{rate:.6g}")
        self._last = counted
        return rates
