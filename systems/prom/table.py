"""The table of recognised names (names.yaml), checked once when it is loaded."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from systems import yamlsafe

FILE = Path(__file__).with_name("names.yaml")
PARTS = ("_bucket", "_count", "_sum", "")  # of a histogram or summary
_FIELD = re.compile(r"\{(\w+)\}")


def bare(name: str) -> str:
    """A counter's name without the ending that some write and some do not."""
    return name.removesuffix("_total")


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    of: str


Name = Annotated[str, BeforeValidator(bare)]


class Requests(_Row):
    """A counter of requests. `only`: labels that must match."""

    name: Name
    only: dict[str, str] = {}


class Durations(_Row):
    """A histogram or summary of how long requests take; times `scale` it is milliseconds."""

    name: Name
    scale: float
    only: dict[str, str] = {}


class Single(_Row):
    """A gauge or counter that is one reading."""

    name: Name
    reading: str
    scale: float = 1.0
    by: str = ""
    only: dict[str, str] = {}
    combine: Literal["sum", "max", "min"] = "sum"

    @property
    def fields(self) -> list[str]:
        """Labels whose values are put into the reading's name."""
        return _FIELD.findall(self.reading)


class Share(_Row):
    """One gauge or counter over others."""

    reading: str
    top: Name
    bottom: list[Name]
    only: dict[str, str] = {}
    counted: bool = False
    scale: float = 100.0


class State(_Row):
    """A gauge that is 1 for the state that holds."""

    name: Name
    reading: str
    on: str = ""


class Labels(BaseModel):
    """What labels are called, first come first served."""

    model_config = ConfigDict(extra="forbid")
    status: list[str]
    route: list[str]
    method: list[str]
    replica: list[str]


class Own(BaseModel):
    """Requests of whoever measures."""

    model_config = ConfigDict(extra="forbid")
    paths: list[str]
    labels: dict[str, list[str]]


class Table(BaseModel):
    """All of names.yaml."""

    model_config = ConfigDict(extra="forbid")
    labels: Labels
    own: Own
    exporters: list[str]
    requests: list[Requests]
    durations: list[Durations]
    gauges: list[Single]
    rates: list[Single]
    shares: list[Share]
    states: list[State]
    names: frozenset[str] = Field(frozenset(), exclude=True)

    def model_post_init(self, _: Any) -> None:
        self.gather()

    def gather(self) -> None:
        """Note all names that the rows have."""
        rows: list[Requests | Single | State] = [*self.requests, *self.gauges, *self.rates, *self.states]
        names = {row.name for row in rows}
        names |= {row.name + part for row in self.durations for part in PARTS}
        names |= {name for share in self.shares for name in (share.top, *share.bottom)}
        self.names = frozenset(names | set(self.exporters))

    def knows(self, name: str) -> bool:
        """Whether a metric of this name is recognised."""
        return bare(name) in self.names


@cache
def table() -> Table:
    """The table; ValueError (pydantic's) when names.yaml is not what it should be."""
    _, data = yamlsafe.read(FILE.read_text(encoding="utf-8"))
    return Table.model_validate(data)


def first(labels: Any, names: list[str]) -> str:
    """The value of the first label of `names` that is there."""
    return next((str(labels[name]) for name in names if labels.get(name)), "")
