"""Metrics that only one service tells, and what they become: the part of a manifest that says it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from systems.manifest.base import Model

READING = re.compile(r"(app|proc|queue|redis|pg)\.[a-z0-9_]+(\.[A-Za-z0-9_]+)*")
_BLANK = re.compile(r"\{[A-Za-z_]\w*\}")
Label = Annotated[str, Field(pattern=r"^[a-zA-Z_]\w*$")]
Made = Literal["value", "rate", "state", "requests", "durations"]


class NamedMetric(Model):
    """A metric by a name of the service's own. Those with usual names are known without it."""

    name: str = Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")
    """What it is called; `_total` at its end may be missing, and of a histogram so are `_bucket`, `_count`, `_sum`."""
    kind: Made = "value"
    """`value`: it is the reading. `rate`: its increase each second is. `state`: of its series, one for each state in
    the label `state`, the one that is 1 names the state that holds. `requests`: a counter of requests, by labels for
    status, route and method; `durations`: a histogram of how long they take. These two become the readings of
    requests, and come before any usual name."""
    reading: str = ""
    """The reading of a value, a rate or a state: `app.pool.{pool}.up`, where a label in braces stands for its value."""
    by: str = Field("", pattern=r"^([a-zA-Z_]\w*)?$")
    """Of a value: the label that becomes the reading's own."""
    scale: float | None = None
    """The reading is the value times this; 1 without it, and 1000 of durations, which are told in seconds."""
    only: dict[Label, str] = {}
    """Labels that the series must have."""
    combine: Literal["sum", "max", "min"] = "sum"
    """Of a value: what is made of several series."""

    @model_validator(mode="after")
    def _fits(self) -> NamedMetric:
        counted = self.kind in ("requests", "durations")
        if counted and self.reading:
            raise ValueError(f"{self.kind} become the readings of requests: leave out reading")
        if not counted and not READING.fullmatch(_BLANK.sub("x", self.reading)):
            raise ValueError("reading is like app.jobs_waiting or app.pool.{pool}.up")
        given = self.model_fields_set
        if self.kind != "value" and (idle := given & {"by", "combine"}):
            raise ValueError(f"{' and '.join(sorted(idle))} belong to a value")
        if self.kind in ("rate", "state") and "only" in given:
            raise ValueError(f"only belongs to a value, requests and durations, not to a {self.kind}")
        if self.kind in ("state", "requests") and "scale" in given:
            raise ValueError(f"scale says nothing of {self.kind}")
        return self

    @property
    def factor(self) -> float:
        if self.scale is not None:
            return self.scale
        return 1000.0 if self.kind == "durations" else 1.0
