"""What the parts of a manifest are made of: names, addresses, secrets. Unknown keys are errors everywhere; strings that
may hold secrets are left out of reprs."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from systems.manifest.kinds import KINDS

# For editors a `${NAME}` may stand where an address begins: it is filled in before anything is checked.
_URL_OR_NAME = {"pattern": r"^(https?://|\$\{)\S+$"}
_ADDRESS_OR_NAME = {"pattern": r"^(\[[^\]\s]+\]|[^:\s/\[\]]+):\S+$|^\$\{"}


class Model(BaseModel):
    """Base of all parts: a typo in a key is an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _address(value: str) -> str:
    found = re.fullmatch(r"(\[[^\]\s]+\]|[^:\s/\[\]]+):(\d{1,5})", value)
    if found is None and value.count(":") > 1 and not value.startswith("[") and "/" not in value:
        raise ValueError("an IPv6 address stands in brackets: [::1]:8080")
    if found is None:
        raise ValueError(
            "does not look right (it is host:port; an IPv6 address stands in brackets: [::1]:8080)"
        )
    if not 0 < int(found[2]) < 65_536:
        raise ValueError("a port is a number from 1 to 65535")
    if found[1].startswith("["):
        _ipv6(found[1][1:-1])
    return value


def _ipv6(text: str) -> None:
    try:
        IPv6Address(text.partition("%")[0])
    except AddressValueError:
        raise ValueError("what stands in brackets is no IPv6 address") from None


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://\S+", value):
        raise ValueError("does not look right (it begins with http:// or https://)")
    where = re.split(r"[/?#]", value.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    if "{" in where:  # of a later step of a journey: known only when it is asked
        return value
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise ValueError(
            "does not look right: it has no host, or a port that is none (an IPv6 address stands in brackets: http://[::1]:8080/)"
        )
    if where.startswith("["):
        _ipv6(host)
    return value


def _statuses(value: object) -> object:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]


def meets(status: int, expected: list[str]) -> bool:
    """Whether an HTTP status is one of those: `200`, or a class of them, `2xx`."""
    return str(status) in expected or f"{status // 100}xx" in expected


Kind = Annotated[str, Field(min_length=1, json_schema_extra={"examples": list(KINDS)})]
Names = Annotated[list[str], BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])]
Address = Annotated[
    str, AfterValidator(_address), Field(title="host:port", json_schema_extra=dict(_ADDRESS_OR_NAME))
]
Url = Annotated[str, AfterValidator(_url), Field(title="URL", json_schema_extra=dict(_URL_OR_NAME))]
Secret = Annotated[str, Field(repr=False)]
Header = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
Headers = Annotated[dict[Header, Annotated[str, Field(pattern=r"^[^\r\n\x00]*$")]], Field(repr=False)]
_Status = Annotated[str, Field(pattern=r"^[1-5](\d\d|xx)$", title="status")]
_Number = Annotated[int, Field(ge=100, le=599, title="status")]
Expect = Annotated[
    list[_Status],
    Field(min_length=1),
    BeforeValidator(_statuses, json_schema_input_type=_Number | _Status | list[_Number | _Status]),
]
