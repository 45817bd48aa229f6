"""The shape of a profile. What stands under its `service` is a service of a manifest with blanks, `${name}`; that it is
a good one is told by the manifest's own checks, once the blanks are filled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

BLANK = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")
OF_THE_ADDRESS = (
    "address",
    "url",
    "host",
    "port",
)  # blanks that it fills: host:port, the whole, and the halves
NAMED = ("readings", "words", "actions")  # lists whose items have a name
NOT_ITS_OWN = {"name", "kind", "title", "unit", "profile", "address", "with", "without"}
Simple = str | int | float
Filling = Simple | list[str] | None  # of a blank; None: what rests on it is left out


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class AddressSpec(Model):
    """What may stand for `address`."""

    schemes: dict[str, int | None] = Field(min_length=1)
    """By the scheme of a URL the port that it means; None: it has neither host nor port. The first is meant where there
    is none."""
    path: str = ""
    """What a URL that is made of host and port ends in."""
    example: str
    """As a person would write it."""


class Setting(Model):
    """A blank that a person may fill otherwise, by `with`."""

    says: str = Field(min_length=3)
    """What it is, for people."""
    default: Filling = None


class Rated(Model):
    """A call of the product, and how risky it is at least: what no table of words can tell of it. In `exec` a `*` is
    one word that the manifest says."""

    exec: list[str] | None = None
    redis: list[str] | None = None
    risk: Literal["low", "medium"]
    because: str = Field(min_length=10)

    @model_validator(mode="after")
    def _one(self) -> Rated:
        if bool(self.exec) == bool(self.redis):
            raise ValueError("has exactly one of exec and redis")
        return self


class Profile(Model):
    """A product."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    title: str = Field(min_length=2)
    also: list[str] = []
    """Other names of it."""
    kind: str = Field(min_length=1)
    about: str = Field(min_length=10)
    """What has to be so that all of it can be read, for people."""
    address: AddressSpec
    settings: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Setting] = {}
    rated: list[Rated] = []
    service: dict[str, Any]

    @model_validator(mode="after")
    def _blanks_are_known(self) -> Profile:
        if odd := NOT_ITS_OWN & self.service.keys():
            raise ValueError(f"service: {', '.join(sorted(odd))} is not a profile's to say")
        if twice := set(OF_THE_ADDRESS) & self.settings.keys():
            raise ValueError(f"settings: {', '.join(sorted(twice))} is filled by the address")
        known = {*OF_THE_ADDRESS, *self.settings, "service"}
        if unknown := {*blanks(self.service)} - known:
            raise ValueError(f"service: nothing fills {', '.join(f'${{{n}}}' for n in sorted(unknown))}")
        for name, setting in self.settings.items():
            if unknown := {*blanks(setting.default)} - set(OF_THE_ADDRESS):
                raise ValueError(f"settings.{name}: a default may name {', '.join(OF_THE_ADDRESS)} alone")
        return self


def blanks(item: Any) -> Iterator[str]:
    """The names of the blanks in all texts below `item`."""
    if isinstance(item, str):
        yield from BLANK.findall(item)
    elif isinstance(item, dict):
        for value in item.values():
            yield from blanks(value)
    elif isinstance(item, list):
        for value in item:
            yield from blanks(value)
