"""The front matter of a runbook: one cause as data. The prose below it is for people and retrieval only."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from knowledge.document import Document, Problem, read
from systems import patterns

WORDS: dict[str, float] = {
    "certain": 0.97,
    "usual": 0.85,
    "often": 0.6,
    "sometimes": 0.3,
    "possible": 0.3,
    "rare": 0.08,
}
NOT_MISSED = frozenset({"possible", "rare"})  # explained where it is seen; its absence says nothing
SCOPES = ("", "callers", "deps", "group", "links", "any")
SLUG = r"^[a-z][a-z0-9_]{1,79}$"
_KEY = re.compile(r"^([a-z][a-z0-9_]*)(?:@([a-z]+))?$")
_BRACES = re.compile(r"\{([a-z_]+)\}")
BUILT_IN_NAMES = frozenset({"component", "detail", "cause", "value", "text", "group"})


def _regex(value: str) -> str:
    patterns.compiled(value)
    return value


@lru_cache(maxsize=4096)
def split_key(key: str) -> tuple[str, str]:
    """`signal@scope` -> (signal, scope); '' means the component itself. ValueError says what is wrong."""
    found = _KEY.match(key)
    if found is None:
        raise ValueError(f"{key!r} is not a signal, or signal@scope")
    scope = found[2] or ""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}: use {', '.join('@' + s for s in SCOPES if s)} or none")
    return found[1], scope


def _key(value: str) -> str:
    split_key(value)
    return value


SymptomKey = Annotated[str, BeforeValidator(_key)]
Pattern = Annotated[str, BeforeValidator(_regex)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ActionStep(Model):
    """One step of a path; left out unless the component is of `kinds` and the symptom key `when` holds."""

    action: str = Field(min_length=2, max_length=80)
    target: str = "{component}"
    params: dict[str, Any] = {}
    kinds: Annotated[list[str], BeforeValidator(_as_list)] = []
    when: SymptomKey | None = None


class Var(Model):
    """A name for actions and summary, taken from a signal's label or, with `pattern`, from its text."""

    signal: SymptomKey
    pattern: Pattern | None = None
    default: str = ""


# Of older runbooks, and no longer read: which check tells most, and whether it is mended, is measured.
RETIRED = frozenset({"checks", "verify"})


class RunbookSpec(Model):
    """One cause. `prior` is the chance that an incident on such a component is this.

    `requires` and `rules_out` are definitions, not likelihoods: a required signal that is measured false, or
    a ruling-out one that is measured true, all but excludes the cause; unknown ones do not. Of `shows_one_of`
    at least one must hold. `take_change_back` false: the change that it follows from is one of several, and with that
    alone back nothing is well: only the actions mend it.
    """

    id: str = Field(pattern=SLUG)
    aliases: list[str] = []
    title: str = Field(min_length=3, max_length=200)
    category: str = Field(min_length=2, max_length=40)
    severity: Literal["", "low", "medium", "high", "critical"] = ""
    applies_to: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
    prior: float = Field(0.02, gt=0, le=0.5)
    symptoms: dict[SymptomKey, str] = Field(min_length=1)
    rules_out: list[SymptomKey] = []
    requires: Annotated[list[SymptomKey], BeforeValidator(_as_list)] = []
    shows_one_of: list[SymptomKey] = []
    match: dict[str, Pattern] = {}
    detail: str = ""
    detail_pattern: Pattern | None = None
    vars: dict[str, Var] = {}
    summary: str = Field(min_length=3, max_length=400)
    actions: list[ActionStep] = []
    fallbacks: list[list[ActionStep]] = []
    take_change_back: bool = True
    prevent: str = ""

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, value: Any) -> Any:
        return {k: v for k, v in value.items() if k not in RETIRED} if isinstance(value, dict) else value

    @field_validator("symptoms")
    @classmethod
    def _known_words(cls, value: dict[str, str]) -> dict[str, str]:
        for key, word in value.items():
            if word not in WORDS:
                raise ValueError(f"{key}: {word!r} is not a likelihood; use {', '.join(WORDS)}")
        return value

    @field_validator("fallbacks")
    @classmethod
    def _no_empty_path(cls, value: list[list[ActionStep]]) -> list[list[ActionStep]]:
        if any(not path for path in value):
            raise ValueError("a fallback is a list of steps and may not be empty")
        return value

    @property
    def paths(self) -> list[list[ActionStep]]:
        """The ways to repair, the author's preference first; [] when the right action is none."""
        return [p for p in [self.actions, *self.fallbacks] if p]

    def signals(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every signal named, with the path of the key that names it."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        found += [(("symptoms", k), split_key(k)[0]) for k in self.symptoms]
        for name in ("rules_out", "requires", "shows_one_of"):
            found += [((name, i), split_key(k)[0]) for i, k in enumerate(getattr(self, name))]
        found += [(("match", k), k) for k in self.match]
        found += [(("vars", k), split_key(v.signal)[0]) for k, v in self.vars.items()]
        found += [(("actions", i), split_key(a.when)[0]) for i, a in enumerate(self.actions) if a.when]
        if self.detail:
            found.append((("detail",), self.detail))
        return found

    def names_used(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every {name} in texts and steps, with where it stands."""
        found = [(("summary",), n) for n in _BRACES.findall(self.summary)]
        places: list[tuple[tuple[str | int, ...], ActionStep]] = [
            (("actions", i), s) for i, s in enumerate(self.actions)
        ]
        places += [(("fallbacks", i, j), s) for i, p in enumerate(self.fallbacks) for j, s in enumerate(p)]
        out: list[tuple[tuple[str | int, ...], str]] = list(found)
        for where, item in places:
            texts = [item.target, *(v for v in item.params.values() if isinstance(v, str))]
            out += [(where, n) for t in texts for n in _BRACES.findall(t)]
        return out


def parse(text: str) -> tuple[RunbookSpec | None, Document, list[Problem]]:
    """The spec (None when it can't be built), the document, and what is wrong with it, by line."""
    document = read(text)
    problems = list(document.problems)
    if problems and not document.data:
        return None, document, problems
    try:
        return RunbookSpec.model_validate(document.data), document, problems
    except ValidationError as error:
        for item in error.errors():
            where = tuple(p for p in item["loc"] if p != "[key]")
            name = ".".join(str(p) for p in where)
            message = item["msg"].removeprefix("Value error, ")
            problems.append(Problem(document.line_of(where), f"{name}: {message}" if name else message))
        return None, document, problems
