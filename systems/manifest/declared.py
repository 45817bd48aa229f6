"""What a manifest declares of a part beyond what is known of its kind: how the part is asked, and how it is told.

`{name}` in an address, a body, a statement, a word of a command or an argument is filled in: as one path segment of an
address, as a bound parameter of a statement, as one word or argument of the others. It never makes two of one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, field_validator, model_validator

from systems import patterns
from systems.manifest.base import Headers, Model, Url

BLANK = re.compile(r"\{([a-z][a-z0-9_]*)\}")
AUTHORITY = re.compile(r"https?://[^/?#]*")
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
METHODS = ("get", "post", "put", "patch", "delete")
Way = Literal["http", "sql", "redis", "exec"]
Words = str | list[str]


def _address(value: object) -> object:
    return {"get": value} if isinstance(value, str) else value


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


class HttpCall(Model):
    """One request: exactly one of the methods, with its address. `expect`: the statuses that are no failure; without
    it all below 400 are, or below 300 where it is only looked."""

    get: Url | None = None
    post: Url | None = None
    put: Url | None = None
    patch: Url | None = None
    delete: Url | None = None
    body: Any = Field(None, alias="json")
    headers: Headers = {}
    expect: list[int] = []

    @model_validator(mode="after")
    def _one_method(self) -> HttpCall:
        if sum(getattr(self, m) is not None for m in METHODS) != 1:
            raise ValueError(f"has exactly one of {', '.join(METHODS)}")
        if BLANK.search(AUTHORITY.match(self.url)[0]):  # type: ignore[index]
            raise ValueError("a blank stands in the path, the query or the body, never in the host")
        return self

    @property
    def method(self) -> str:
        return next(m for m in METHODS if getattr(self, m) is not None)

    @property
    def url(self) -> str:
        return str(getattr(self, self.method))


class Call(Model):
    """One thing that is asked or done: exactly one of `http`, `sql`, `redis`, `exec`. `on`: the service whose database,
    Redis or unit it is, where that is not the one that declares it. `exec` is an argument list, run where the unit
    runs, by no shell."""

    http: Annotated[HttpCall | None, BeforeValidator(_address, json_schema_input_type=Url | HttpCall)] = None
    sql: str | None = None
    redis: Annotated[list[str] | None, BeforeValidator(_words, json_schema_input_type=Words)] = None
    exec: Annotated[list[str] | None, BeforeValidator(_words, json_schema_input_type=Words)] = None
    on: str | None = None
    timeout_s: PositiveFloat = Field(5.0, le=300)

    @model_validator(mode="after")
    def _one_way(self) -> Call:
        given = [w for w in ("http", "sql", "redis", "exec") if getattr(self, w) is not None]
        if len(given) != 1:
            raise ValueError("has exactly one of http, sql, redis and exec")
        if self.redis == [] or self.exec == []:
            raise ValueError(f"{given[0]} is empty")
        if BLANK.search((self.redis or self.exec or [""])[0]):
            raise ValueError(f"a blank cannot be the command of {given[0]} itself")
        if any(BLANK.search(text) for text in QUOTED.findall(self.sql or "")):
            raise ValueError("a blank of a statement is bound as a value: leave out the quotes round it")
        return self

    @property
    def way(self) -> Way:
        if self.http is not None:
            return "http"
        if self.sql is not None:
            return "sql"
        return "redis" if self.redis is not None else "exec"

    def blanks(self) -> set[str]:
        """The names that are to be filled in."""
        return {name for text in self._texts() for name in BLANK.findall(text)}

    def _texts(self) -> Iterator[str]:
        if self.http is not None:
            yield self.http.url
            yield from self.http.headers.values()
            yield from _strings(self.http.body)
        yield from ([self.sql] if self.sql is not None else self.redis or self.exec or [])
        yield from _strings(self._more())

    def _more(self) -> tuple[Any, ...]:
        """What else has blanks."""
        return ()


class Ask(Call):
    """A call that only looks. `path`: where in a JSON answer it stands, dotted, `[]` for each item of a list. `find`:
    what a pattern of RE2 finds in a text answer (of a command in both its outputs): its named groups by their names,
    else its first group that took part, else all of it. `exits`: the exit codes of a command that are an answer."""

    path: str = ""
    find: str | None = Field(None, min_length=2)
    exits: list[Annotated[int, Field(ge=0, le=255)]] = Field([0], min_length=1)

    @field_validator("find")
    @classmethod
    def _compiles(cls, find: str | None) -> str | None:
        if find is not None:
            patterns.compiled(find, ignore_case=True)  # BadPattern says what to mend
        return find

    @model_validator(mode="after")
    def _only_looks(self) -> Ask:
        if self.http is not None and self.http.method != "get":
            raise ValueError("what only looks is a get")
        if self.find is not None and self.way not in ("http", "exec"):
            raise ValueError(f"find is for the texts of http and exec: {self.way} answers with values")
        if "exits" in self.model_fields_set and self.exec is None:
            raise ValueError("exits belongs to exec")
        return self


def _strings(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        for key, value in item.items():
            yield from _strings(key)
            yield from _strings(value)
    elif isinstance(item, list | tuple):
        for value in item:
            yield from _strings(value)
