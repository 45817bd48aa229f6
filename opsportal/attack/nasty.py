"""What nobody should type, and every place that takes it: shared by the live attack and the fast tests.

The places come from the URLconf and the OpenAPI document, so a new route is covered without a change here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.urls import URLPattern, URLResolver

VALUES = (
    "\x00",
    "a\x00b",
    "²",
    "٣",
    "9999-12-31",
    "0001-01-01",
    "1e400",
    "9" * 30,
    "9" * 400,
    "-1",
    "\ud800",
    "'; --",
    "(a+)+$",
    "x" * 6000,
)
JSON_VALUES: tuple[Any, ...] = (
    *VALUES, 10**30, 2**31, -(2**63), -1, 1e300, float("nan"), float("inf"), None, True, [], {}, [[["x"]]], {"a": [1]},
)  # fmt: skip
BODIES = (b"\x00", b"{", b"[" * 3000 + b"]" * 3000, b'{"target": "\\u0000"}', b'{"target": "\\ud800"}',
          b'{"duration_s": 1e400}', b'{"params": {"a": ' + b"9" * 400 + b"}}",
          b'{"params": {"a": ' + b"9" * 5000 + b"}}", b"\xff\xfe", b"[]", b"7",
          b'"x"', b'{"reason": "' + b"x" * 3_000_000 + b'"}')  # fmt: skip
CONTENT_TYPES = ("text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded")


def safe(value: str) -> str:
    """As it can be written into an address."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    """Every pattern of pages, like `incidents/<int:number>/`. The API has its own document."""
    for pattern in patterns:
        here = before + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "api":
                yield from routes(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield (
                re.sub(r"\(\?P<form>[^)]*\)", "csv", here)
                .replace("\\", "")
                .removesuffix("$")
                .removesuffix("Z")
            )


def filled(route: str, values: dict[str, str]) -> str:
    """The route with its placeholders filled by converter; `<path>` has none and counts as `str`."""
    return re.sub(r"<(?:(\w+):)?\w+>", lambda m: values.get(m[1] or "str", values["str"]), route)


@dataclass(frozen=True)
class Operation:
    """One call of the API: names in its query, and in its body."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict, hash=False)


def operations(document: dict[str, Any]) -> list[Operation]:
    """Every operation of an OpenAPI document."""
    shapes, found = document.get("components", {}).get("schemas", {}), []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            query = tuple(p["name"] for p in told.get("parameters", []) if p["in"] == "query")
            fields: dict[str, Any] = {}
            for name in re.findall(r"#/components/schemas/(\w+)", repr(told.get("requestBody", {}))):
                fields |= shapes[name].get("properties", {})
            found.append(Operation(method, path, query, fields))
    return found
