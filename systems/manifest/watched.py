"""What a manifest says is to be watched of a part beyond what is known of its kind: readings, and words of its log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import re2
from pydantic import BeforeValidator, Field, PositiveFloat, field_validator, model_validator

from systems.manifest.base import Model
from systems.manifest.declared import BLANK, Ask

# What it is a sign of, in the words of incidents/signals/base.py.
Klass = Literal["own", "refuses", "fails", "slow", "starves", "flow"]
Severity = Literal["low", "medium", "high"]
Wanted = bool | int | float | str
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Title = Annotated[str, Field(max_length=200)]

TOLD = {"service", "value", "text", "label"}  # what a title may name
SAID = {"service", "text"}
LEARNT_EVERY_S = 15.0  # more seldom than this, what is usual is not learnt
LIMITS = ("above", "below", "is", "is_not", "baseline")


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


Many = Annotated[
    list[Wanted],
    Field(min_length=1),
    BeforeValidator(_one_or_many, json_schema_input_type=Wanted | list[Wanted]),
]


class ReadingSpec(Ask):
    """A number or a word that is asked for every `every_s`. `class`: what it is a sign of. At most one judgement:
    `above` or `below` a number, over only beyond `clear`; `is` or `is_not` one of some words or numbers; or
    unusually much or little (`baseline`), where less than `least` counts as `least`. It has to hold for `hold` looks.
    Without one it is only recorded. `opens`: whether it opens an incident by itself.

    `minus` and `percent_of` are paths of other figures of the same answer. `rate`: it is a counter, and how much it
    rises a second is what counts. `absent`: the value where there is nothing (at the path, that fits, no row). `mend`:
    what a person can do where it cannot be read."""

    name: Name
    title: Title = ""
    klass: Klass = Field("own", alias="class")
    unit: str = Field("", max_length=12)
    timeout_s: PositiveFloat = Field(5.0, le=60)
    every_s: float = Field(5.0, ge=1, le=60)
    minus: str = ""
    percent_of: str = ""
    rate: bool = False
    absent: Wanted | None = None
    mend: str = Field("", max_length=400)
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    is_: Many | None = Field(None, alias="is")
    is_not: Many | None = None
    baseline: Literal["above", "below"] | None = None
    least: float | None = None
    severity: Severity = "medium"
    opens: bool = True
    hold: int = Field(2, ge=1, le=20)

    @field_validator("title")
    @classmethod
    def _title(cls, title: str) -> str:
        return _names_only(title, TOLD)

    @model_validator(mode="after")
    def _fits(self) -> ReadingSpec:
        if blanks := self.blanks():
            raise ValueError(f"nothing fills in {_braced(blanks)} of what a reading asks")
        if len(given := self.judgements()) > 1:
            raise ValueError(f"has at most one of {', '.join(LIMITS)}; here are {' and '.join(given)}")
        if not given and (idle := self.model_fields_set & {"severity", "opens", "hold", "clear", "least"}):
            raise ValueError(f"{', '.join(sorted(idle))} without a judgement: one of {', '.join(LIMITS)}")
        self._check_limits()
        self._check_figures()
        return self

    def _check_limits(self) -> None:
        if self.clear is not None:
            if self.above is None and self.below is None:
                raise ValueError("clear belongs to above or below")
            if (self.above is not None and self.clear > self.above) or (
                self.below is not None and self.clear < self.below
            ):
                raise ValueError("clear lies on the good side of the limit, or at it")
        if self.least is not None and self.baseline != "above":
            raise ValueError("least belongs to baseline: above")
        if self.baseline is not None and self.every_s > LEARNT_EVERY_S:
            raise ValueError(f"a baseline is learnt from looks at most {LEARNT_EVERY_S:g} s apart (every_s)")
        if self.baseline is not None and "hold" in self.model_fields_set:
            raise ValueError(
                "hold belongs to above, below, is and is_not: what is unusual holds for three looks"
            )

    def _check_figures(self) -> None:
        if (self.minus or self.percent_of) and not self.path:
            raise ValueError("minus and percent_of belong to a path: of what they are taken")
        if self.rate and (self.is_ is not None or self.is_not is not None):
            raise ValueError("a rate is a number: it is judged by above, below or baseline")

    def judgements(self) -> list[str]:
        """The judgements that are given, as they are written: none or one."""
        values = (self.above, self.below, self.is_, self.is_not, self.baseline)
        return [name for name, value in zip(LIMITS, values, strict=True) if value is not None]

    @property
    def grade(self) -> str:
        """How much it matters: a severity, or `context` for what opens no incident."""
        return self.severity if self.opens else "context"


class WordSpec(Model):
    """What a part says in its log, and what that is a sign of: `pattern`, in the syntax of RE2, searched in small and
    large letters alike, in what is said at warning level or above. Its first group is the {text} of the title. An
    incident is opened only by a record at error level."""

    name: Name
    pattern: str = Field(min_length=2, max_length=500)
    title: Title = ""
    klass: Klass = Field("fails", alias="class")
    severity: Severity = "medium"
    opens: bool = True

    @field_validator("title")
    @classmethod
    def _title(cls, title: str) -> str:
        return _names_only(title, SAID)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            found = compiled(pattern)
        except re2.error as error:
            why = error.args[0] if error.args else ""
            words = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
            raise ValueError(f"is no pattern of RE2: {words.partition(': ')[0]}") from None
        if found.search("") is not None:
            raise ValueError("fits an empty text, and so every line")
        return pattern


def as_words() -> Any:
    """How patterns of words are read: in small and large letters alike."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


def compiled(pattern: str) -> Any:
    """The pattern of a word, ready to search with."""
    return re2.compile(pattern, as_words())


def _names_only(title: str, known: set[str]) -> str:
    if strange := set(BLANK.findall(title)) - known:
        raise ValueError(f"a title knows no {_braced(strange)}; it may name {_braced(known)}")
    return title


def _braced(names: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
