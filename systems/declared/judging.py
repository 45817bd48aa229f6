"""What a manifest says of a reading's values: whether they are as they should be, and in which words that is told."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from systems.declared.series import Value
from systems.manifest.declared import BLANK
from systems.manifest.watched import ReadingSpec, Wanted
from systems.readings import clean

TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
LEARNT = {"above": "more", "below": "less"}
Verdict = tuple[
    float | None, str
]  # by how much it is beyond what it should be, 0 when it is not; and in words


@dataclass(slots=True)
class _State:
    bad: bool = False
    looks: int = 0  # in a row at which it was beyond its limit


class Judge:
    """The judgement of one reading of one service; it remembers what hysteresis and `hold` need."""

    def __init__(self, spec: ReadingSpec, service: str) -> None:
        self.spec, self.service = spec, service
        self._states: dict[str, _State] = defaultdict(_State)

    @property
    def metric(self) -> str:
        """What its verdicts are called as readings; "" when it has no judgement."""
        spec = self.spec
        if not spec.judgements():
            return ""
        learnt = f".{LEARNT[spec.baseline]}" if spec.baseline else ""
        return f"declared.{spec.klass}.{spec.grade}{learnt}"

    def look(self, label: str, value: Value | None) -> Verdict:
        """One look. None: it is not known whether it is as it should be, or has yet to hold."""
        spec = self.spec
        if value is None or self.unfit(value):
            return None, self.unfit(value)
        if spec.baseline is not None:  # whether it is unusual is judged by whoever knows what is usual
            number = value.number or 0.0
            return number if spec.least is None else max(number, spec.least), self.told(label, value)
        state = self._states[label]
        beyond = self._beyond(value, bad=state.bad)
        state.looks = state.looks + 1 if beyond else 0
        if not beyond:
            state.bad = False
            return 0.0, self.told(label, value)
        state.bad = state.bad or state.looks >= spec.hold
        return beyond if state.bad else None, self.told(label, value)

    def unfit(self, value: Value | None) -> str:
        """Why it cannot be judged, "" when it can."""
        spec = self.spec
        if value is None:
            return "nothing stands there (null)"
        numeric = spec.above is not None or spec.below is not None or spec.baseline is not None
        return f"{value.text!r} is no number" if numeric and value.number is None else ""

    def forget(self, label: str) -> None:
        """The label is no more."""
        self._states.pop(label, None)

    def _beyond(self, value: Value, *, bad: bool) -> float:
        """How far it is from where it is well again; 0 when it is well."""
        spec, number = self.spec, value.number or 0.0
        if spec.above is not None:
            good = spec.above if spec.clear is None else spec.clear
            return number - good if number > (good if bad else spec.above) else 0.0
        if spec.below is not None:
            good = spec.below if spec.clear is None else spec.clear
            return good - number if number < (good if bad else spec.below) else 0.0
        if spec.is_ is not None:
            return float(any(same(value, w) for w in spec.is_))
        return float(not any(same(value, w) for w in spec.is_not or []))

    def told(self, label: str, value: Value) -> str:
        """The value in a sentence: the reading's own title, or one that says what was expected."""
        names = {"service": self.service, "label": label, "value": self.shown(value), "text": value.text}
        title = self.spec.title
        if not title:
            words = self.spec.name.replace("_", " ").replace("-", " ")
            title = f"{words} of {{service}} ({{label}}) is {{value}}{self._expected(value)}"
        said = BLANK.sub(lambda m: names[m[1]], title)
        return clean(said.replace(" ()", ""))

    def _expected(self, value: Value) -> str:
        spec, number = self.spec, value.number or 0.0
        if spec.above is not None and number > spec.above:
            return f", above {shown(spec.above)}"
        if spec.below is not None and number < spec.below:
            return f", below {shown(spec.below)}"
        if spec.clear is not None and (
            number > spec.clear if spec.above is not None else number < spec.clear
        ):
            return f", not back to {shown(spec.clear)}"
        if spec.is_not is not None and not any(same(value, w) for w in spec.is_not):
            return f", not {' or '.join(_word(w) for w in spec.is_not)}"
        return ""

    def shown(self, value: Value) -> str:
        """The value for people, with its unit."""
        if value.number is None or value.text in ("true", "false"):
            return value.text
        return f"{shown(value.number)} {self.spec.unit}".rstrip()


def shown(number: float) -> str:
    """`5,312`, `0.25`, `12.5`: as many digits as tell something."""
    if abs(number) >= 1000 or number == int(number):
        return f"{number:,.0f}" if abs(number) < 1e15 else f"{number:.3g}"
    return f"{number:.3g}"


def same(value: Value, wanted: Wanted) -> bool:
    """Numbers by their value, truths by any of their words, texts in small and large letters alike."""
    if isinstance(wanted, bool):
        return TRUTHS.get(_digit(value)) is wanted
    if isinstance(wanted, int | float):
        return value.number == float(wanted)
    return value.text.casefold() == wanted.strip().casefold()


def _digit(value: Value) -> str:
    return f"{value.number:.0f}" if value.number in (0.0, 1.0) else value.text.casefold()


def _word(wanted: Wanted) -> str:
    if isinstance(wanted, bool):
        return str(wanted).lower()
    return shown(wanted) if isinstance(wanted, int | float) else wanted
