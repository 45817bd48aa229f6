"""An entry of the catalogue as a person writes it, in YAML, and the signal that it makes. What its fields mean is said
by `base.Signal`, whose defaults hold; `class` is its `klass`, `when` its detector, `over_after` its `clear`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model, field_validator

from incidents.signals.adaptive import Baseline, Busy, Dried, Dropped, Missed, Moved, Slope
from incidents.signals.base import ALWAYS, UNLESS_PLAIN, Hold, Klass, Signal
from incidents.signals.detectors import (
    Above,
    Below,
    Detector,
    Equals,
    Failing,
    LogMatch,
    Longer,
    Matches,
    NewError,
    Off,
    Often,
    PathDown,
    Repeating,
    Rising,
    UncleanExit,
    While,
)
from systems import yamlsafe

FOLDER = Path(__file__).with_name("catalogue")
TIMING = {"always": ALWAYS, "unless plain": UNLESS_PLAIN}
DETECTORS: dict[str, type[Any]] = {
    "above": Above,
    "below": Below,
    "equals": Equals,
    "off_by": Off,
    "failing": Failing,
    "path_down": PathDown,
    "matches": Matches,
    "often": Often,
    "rising": Rising,
    "repeating": Repeating,
    "longer": Longer,
    "while": While,
    "unclean_exit": UncleanExit,
    "said": LogMatch,
    "new_error": NewError,
    "slope": Slope,
    "baseline": Baseline,
    "busy": Busy,
    "dried": Dried,
    "dropped": Dropped,
    "missed": Missed,
    "moved": Moved,
}


class Wrong(ValueError):
    """An entry cannot be used; the message says which, and what to mend."""


class _Written(BaseModel):
    """What is written otherwise than `Signal` has it. `when`: one detector and what it takes, or that alone where it
    takes one thing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")
    when: Mapping[str, Any]
    klass: Klass = Field(alias="class")
    hold: Hold | float = Hold()
    over_after: Hold | float = Hold(2)
    leak: float = Field(0.01, gt=0, le=1)
    cost: float = Field(0.0, ge=0)
    trust: float = Field(0.9, gt=0, le=1)

    @field_validator("when")
    @classmethod
    def _is_one(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        detector(value)
        return value

    def signal(self) -> Signal:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        given["detector"] = detector(given.pop("when"))
        if "over_after" in given:
            given["clear"] = given.pop("over_after")
        for name in ("hold", "clear"):
            if isinstance(given.get(name), float | int):
                given[name] = Hold(given[name])
        if "timing" in given:
            given["timing"] = TIMING.get(given["timing"], given["timing"])
        return Signal(**given)


NOT_WRITTEN = ("detector", "clear", "of_part", "of_label")


def _as_signals_have_them() -> dict[str, Any]:
    """The other fields, each with its type and default."""
    types = get_type_hints(Signal)
    own = {*_Written.model_fields, *NOT_WRITTEN}
    return {
        f.name: (types[f.name], ... if f.default is MISSING else f.default)
        for f in fields(Signal)
        if f.name not in own
    }


Entry: type[_Written] = create_model(
    "Entry", __base__=_Written, __doc__=_Written.__doc__, **_as_signals_have_them()
)


def detector(when: Mapping[str, Any]) -> Detector:
    """The detector that `when` names. ValueError says what is wrong with it."""
    if len(when) != 1:
        raise ValueError(f"when: one of {', '.join(DETECTORS)}, and what it takes")
    [(name, taken)] = when.items()
    if name not in DETECTORS:
        raise ValueError(f"when: there is no {name!r}; there is {', '.join(DETECTORS)}")
    names = [f.name for f in fields(DETECTORS[name])]
    if not isinstance(taken, Mapping):
        taken = {} if taken is None else {names[0]: taken}
    if strange := taken.keys() - set(names):
        raise ValueError(f"when: {name} takes {', '.join(names)}, not {', '.join(sorted(strange))}")
    made: Detector = TypeAdapter(DETECTORS[name]).validate_python(dict(taken))
    return made


def read(file: Path) -> Iterator[Signal]:
    """The signals of one file, in their order. Wrong, at the first entry that cannot be used."""
    for number, raw in enumerate(yamlsafe.load(file.read_text()) or [], 1):
        name = raw.get("id", f"entry {number}") if isinstance(raw, Mapping) else f"entry {number}"
        try:
            yield Entry.model_validate(raw).signal()
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise Wrong(f"{file.name}, {name}: {told}") from None
