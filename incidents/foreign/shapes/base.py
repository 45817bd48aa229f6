"""What a shape is, and the small helpers they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from incidents.foreign import times
from incidents.foreign.facts import Facts

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """Where a record stands: its file, the keys on the way to it, and the plain fields of what encloses it."""

    file: str
    keys: tuple[str, ...] = ()
    around: Mapping[str, Any] = field(default_factory=dict)
    walk: Callable[[Any, Context], None] = lambda _value, _context: None

    def inside(self, key: str, around: Mapping[str, Any]) -> Context:
        return Context(self.file, (*self.keys, key), {**self.around, **around}, self.walk)

    @property
    def key(self) -> str:
        return self.keys[-1].lower() if self.keys else ""


@dataclass(frozen=True)
class Shape:
    """`take` turns a record into facts. `name` is what a report calls the format."""

    name: str
    fits: Callable[[Record, Context], bool]
    take: Callable[[Record, Context, Facts], None]


def first(record: Record, *keys: str) -> Any:
    """The value of the first of `keys` that is there and not empty; a dot goes inside."""
    for key in keys:
        if key in record:
            value = record[key]
        elif "." in key:
            value = _inside(record, key)
        else:
            continue
        if value is not None and value != "" and value != [] and value != {}:
            return value
    return None


def _inside(record: Record, key: str) -> Any:
    head, _, rest = key.partition(".")
    value: Any = record.get(head)
    for part in rest.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def text(record: Record, *keys: str) -> str:
    value = first(record, *keys)
    if value is None:
        return ""
    if isinstance(value, dict):
        return text(value, "stringValue", "text", "message", "body", "name") or str(dict(value))[:2000]
    return str(value)[:8000]


def when(record: Record, *keys: str) -> float | None:
    for key in keys:
        found = times.parse(first(record, key))
        if found is not None:
            return found
    return None


def number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    if isinstance(value, str):
        try:
            found = float(value)
        except ValueError:
            return None
        return found if abs(found) < 1e300 else None
    return None


def has(record: Record, *keys: str) -> bool:
    return all(k in record for k in keys)


def any_of(record: Record, keys: Iterable[str]) -> bool:
    return any(k in record for k in keys)


def tags(value: Any) -> dict[str, Any]:
    """Labels out of a mapping, `["a:b"]`, `[{"key": .., "value": ..}]` or `[{"Name": .., "Value": ..}]`."""
    if isinstance(value, Mapping):
        return dict(value)
    found: dict[str, Any] = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, str):
            key, sign, rest = item.partition(":" if ":" in item else "=")
            if sign:
                found.setdefault(key.strip(), rest.strip())
        elif isinstance(item, Mapping):
            name = first(item, "key", "Name", "name", "Key")
            if name is not None:
                found.setdefault(str(name), _plain(first(item, "value", "Value")))
    return found


def _plain(value: Any) -> Any:
    """OTLP's wrapped values."""
    if isinstance(value, Mapping):
        for key in ("stringValue", "intValue", "doubleValue", "boolValue"):
            if key in value:
                return value[key]
        return str(dict(value))[:500]
    return value
