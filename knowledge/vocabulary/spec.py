"""What an entry may say. A word has the schema of words.yaml, a signal judges a reading as a declared one is judged."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from incidents.signals import CATALOG, added
from incidents.signals.added import Entry, Limits
from incidents.signals.base import Severity
from incidents.signals.catalog import RUNS
from incidents.signals.words import spec_of
from knowledge.document import Document, Problem, plain
from systems import patterns
from systems.manifest import watched
from systems.state.types import KINDS

ID = r"^[a-z][a-z0-9_]{1,59}$"
METRIC = r"^[a-z][A-Za-z0-9_.:-]{1,79}$"
MOST_CHARS = 20_000  # of an entry's text
MOST_PATTERNS = 60  # of an entry
MOST_WORK = 5_000  # steps of one pattern's program; the widest that ships takes 1,200
RESERVED = ("new", "preview", "readings", "try")  # beside the addresses of the entries
TOLD_BY_LOGS = ("log.template", "log.new_template")
_BRACES = re.compile(r"\{(\w*)\}")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _pattern(value: str) -> str:
    found = patterns.compiled(value, ignore_case=True)
    if found.search("") is not None:
        raise ValueError(f"{value!r} fits an empty text, and so every line")
    if (size := patterns.work(value)) > MOST_WORK:
        raise ValueError(
            f"{value!r} is too wide ({size:,} steps, at most {MOST_WORK:,}): use smaller repeats"
        )
    return value


def _names(title: str, known: set[str]) -> str:
    if strange := set(_BRACES.findall(title)) - known:
        named = ", ".join(f"{{{name}}}" for name in sorted(known))
        raise ValueError(f"a title knows no {{{min(strange)}}}; it may name {named}")
    return title


Pattern = Annotated[
    str, Field(min_length=2), BeforeValidator(lambda v: _pattern(v) if isinstance(v, str) else v)
]
Patterns = Annotated[list[Pattern], BeforeValidator(_as_list), Field(max_length=MOST_PATTERNS)]
Title = Annotated[str, Field(max_length=200)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=ID)
    system: str = Field("", max_length=60, pattern=r"^[a-z0-9-]*$")

    @field_validator("id")
    @classmethod
    def _own(cls, value: str) -> str:
        if value in RESERVED:
            raise ValueError(f"{value!r} is a page of its own: call it otherwise")
        if value in CATALOG.shipped:
            raise ValueError(f"{value!r} is a signal of the portal itself: call it otherwise")
        return value


class Word(Model):
    """What parts say in their logs. The fields are those of words.yaml; `system`: of this one only."""

    kind: Literal["word"]
    title: Title
    category: str = Field("added", min_length=2, max_length=40)
    patterns: Patterns = Field(min_length=1)
    calm: Patterns = []
    but: Patterns = []
    times: int = Field(1, ge=1, le=100)
    window_s: float = Field(8.0, ge=1, le=600)
    opens: bool = False
    severity: Severity = "medium"
    outright: bool = False
    outlives_restart: bool = False
    timing: Literal["always", "unless plain"] | None = None
    moved_by: Annotated[list[str], BeforeValidator(_as_list)] = []
    tried_by: str = ""

    @field_validator("title")
    @classmethod
    def _title(cls, title: str) -> str:
        return _names(title, watched.SAID)

    @field_validator("moved_by")
    @classmethod
    def _kinds(cls, value: list[str]) -> list[str]:
        if strange := [kind for kind in value if kind not in KINDS]:
            raise ValueError(f"{strange[0]!r} is no kind of change; there are {', '.join(KINDS)}")
        return value

    @field_validator("tried_by")
    @classmethod
    def _check(cls, value: str) -> str:
        if value and value not in RUNS:
            raise ValueError(f"{value!r} is no check; there are {', '.join(RUNS)}")
        return value

    def entry(self, *, on: bool = True) -> Entry:
        fields = self.model_dump(exclude={"kind", "system", "timing"})
        spec = spec_of(fields | ({"timing": self.timing} if self.timing else {}))
        return Entry(spec.signal(), self.system, on, spec)


class Reading(Model):
    """A reading that is judged: at most one of `above`, `below` and `baseline`, as in a manifest. `part`, `label`: the
    only ones that are; without them each is."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    kind: Literal["signal"]
    metric: str = Field(pattern=METRIC)
    part: str = Field("", max_length=80)
    label: str | None = Field(None, max_length=200)
    title: Title = ""
    klass: watched.Klass = Field("own", alias="class")
    above: float | None = Field(None, allow_inf_nan=False)
    below: float | None = Field(None, allow_inf_nan=False)
    clear: float | None = Field(None, allow_inf_nan=False)
    baseline: Literal["above", "below"] | None = None
    least: float | None = Field(None, allow_inf_nan=False)
    hold: int = Field(2, ge=1, le=20)
    severity: watched.Severity = "medium"
    opens: bool = True

    @field_validator("metric")
    @classmethod
    def _judged(cls, value: str) -> str:
        if value in TOLD_BY_LOGS:
            raise ValueError("what logs say is looked for by a word (kind: word), not by a signal")
        if value.startswith("declared."):
            raise ValueError("that is judged already, by the manifest; the value itself is called own.<name>")
        return value

    @field_validator("title")
    @classmethod
    def _title(cls, title: str) -> str:
        return _names(title, watched.TOLD)

    @model_validator(mode="after")
    def _fits(self) -> Reading:
        given = [n for n in ("above", "below", "baseline") if getattr(self, n) is not None]
        if len(given) != 1:
            here = " and ".join(given) or "none"
            raise ValueError(f"has exactly one of above, below and baseline; here is {here}")
        if self.baseline is not None and "hold" in self.model_fields_set:
            raise ValueError("hold belongs to above and below: what is unusual holds for three looks")
        if self.least is not None and self.baseline != "above":
            raise ValueError("least belongs to baseline: above")
        if self.clear is not None and self.baseline is not None:
            raise ValueError("clear belongs to above or below")
        if self.clear is not None and (
            (self.above is not None and self.clear > self.above)
            or (self.below is not None and self.clear < self.below)
        ):
            raise ValueError("clear lies on the good side of the limit, or at it")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(self.above, self.below, self.clear, self.baseline, self.least, self.hold)

    def entry(self, *, on: bool = True) -> Entry:
        alike = (s.source for s in CATALOG.shipped.values() if s.source != "check" and s.matches(self.metric))
        made = added.signal(
            self.id, self.metric, self.limits, klass=self.klass, title=self.title, part=self.part, label=self.label,
            severity=self.severity, opens=self.opens, source=next(alike, "metric"),
        )  # fmt: skip
        return Entry(made, self.system, on)


Spec = Word | Reading
_SPEC: TypeAdapter[Spec] = TypeAdapter(Annotated[Spec, Field(discriminator="kind")])
KINDS_OF_ENTRY = tuple(get_args(model.model_fields["kind"].annotation)[0] for model in (Word, Reading))


def parse(text: str) -> tuple[Spec | None, list[Problem]]:
    """The entry (None when it cannot be built) and what is wrong with it, by line."""
    if len(text) > MOST_CHARS:
        return None, [Problem(1, f"an entry has at most {MOST_CHARS:,} characters")]
    document = plain(text)
    if document.problems:
        return None, document.problems
    try:
        return _SPEC.validate_python(document.data), []
    except ValidationError as error:
        return None, sorted((_problem(item, document) for item in error.errors()), key=lambda p: p.line)


def _problem(item: Any, document: Document) -> Problem:
    if item["type"].startswith("union_tag"):
        return Problem(document.line_of(("kind",)), f"kind: it is one of {', '.join(KINDS_OF_ENTRY)}")
    where = tuple(p for p in item["loc"][1:] if isinstance(p, str | int))  # the first is the kind
    name = ".".join(str(p) for p in where)
    message = item["msg"].removeprefix("Value error, ")
    return Problem(document.line_of(where), f"{name}: {message}" if name else message)
