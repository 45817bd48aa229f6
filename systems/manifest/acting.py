"""What a manifest declares that can be done to a service: an action, without a line of Python.

Shapes only; what of it cannot be is told by systems/manifest/acting_checks.py. How it is rated and run stands in
actions/declared/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, model_validator

from systems.manifest.base import Model
from systems.manifest.declared import Ask, Call

GIVEN = frozenset({"service"})  # blanks that are always filled
BEFORE = "before"


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Calls = Annotated[list[Call], BeforeValidator(_one_or_many, json_schema_input_type=Call | list[Call])]


class Number(Model):
    """Bounds of a number, both of them allowed. Of whole ones only whole numbers are taken."""

    least: int | float
    most: int | float

    @model_validator(mode="after")
    def _some(self) -> Number:
        if self.least > self.most:
            raise ValueError("least is above most")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.least, int) and isinstance(self.most, int)


class Param(Model):
    """One parameter, and all that it may be: exactly one of `from` (what the target itself lists now), `choices` and
    `number`."""

    title: str = Field("", max_length=200)
    source: Ask | None = Field(None, alias="from")
    choices: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        None, min_length=1, max_length=200
    )
    number: Number | None = None

    @model_validator(mode="after")
    def _one_inventory(self) -> Param:
        if sum(x is not None for x in (self.source, self.choices, self.number)) != 1:
            raise ValueError("has exactly one of from, choices and number: nothing else may be its value")
        return self

    @property
    def kind(self) -> tuple[object, ...]:
        """What two services that declare one action must agree on."""
        bounds = (self.number.least, self.number.most) if self.number else None
        return (self.source is not None, tuple(self.choices or ()), bounds)


class Check(Ask):
    """Did it take place? What is read is (or is not) a value, within so many seconds. Blanks of that value are filled
    in, too."""

    wanted: Any = Field(None, alias="is")
    unwanted: Any = Field(None, alias="is_not")
    within_s: PositiveFloat = Field(6.0, le=120)

    @model_validator(mode="after")
    def _one_value(self) -> Check:
        if ("wanted" in self.model_fields_set) == ("unwanted" in self.model_fields_set):
            raise ValueError("has exactly one of is and is_not")
        return self

    @property
    def negated(self) -> bool:
        return "unwanted" in self.model_fields_set

    @property
    def value(self) -> Any:
        return self.unwanted if self.negated else self.wanted

    def _more(self) -> tuple[Any, ...]:
        return (self.value,)


class Loss(Ask):
    """How many of what would be gone: a number, or a list, whose items are counted."""

    of: str = Field("rows", pattern=r"^[a-z][a-z ]{1,39}$")


class ActionSpec(Model):
    """One action of one service. Services of a system may share one by its name: it then has several targets.
    `mends`: causes by the ids of their runbooks; where one of them is found on this service, it is a way to repair.
    `beforehand`: what is read of a copy that it is tried on; what else it says is a reason for the agent not to ask."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=2, max_length=60)
    title: str = Field(min_length=3, max_length=120)
    risk: Literal["low", "medium", "high"] = "high"  # what nobody rated counts as high
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Param] = Field({}, max_length=8)
    do: Calls = Field(min_length=1, max_length=10)
    beforehand: Check | None = None
    check: Check | None = None
    undo: Calls = Field([], max_length=10)
    before: Ask | None = None
    loss: Loss | None = None
    mends: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,79}$")]] = Field([], max_length=20)

    def calls(self) -> Iterator[tuple[tuple[str | int, ...], Call]]:
        """Every call, with the path of its key."""
        for name, param in self.params.items():
            if param.source is not None:
                yield ("params", name, "from"), param.source
        for key, several in (("do", self.do), ("undo", self.undo)):
            for number, call in enumerate(several):
                yield (key, number), call
        for key, one in (
            ("beforehand", self.beforehand),
            ("check", self.check),
            ("before", self.before),
            ("loss", self.loss),
        ):
            if one is not None:
                yield (key,), one

    def on(self, call: Call, service: str) -> str:
        """The service whose store or unit a call goes to."""
        return call.on or service
