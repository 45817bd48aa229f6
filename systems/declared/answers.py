"""What comes of a declared call: an answer, a failure, or that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Json

from systems import patterns


class CallFailed(RuntimeError):
    """The other side did not answer, refused, or said that it failed. The message is for people."""


class NothingThere(CallFailed):
    """It was answered, and what was looked for does not stand there."""


class CallUnknown(CallFailed):
    """It was sent, and nobody knows what came of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. `value` is JSON-able: parsed JSON, else text; of SQL the only cell, else rows as mappings."""

    value: Any
    words: str = ""


def at_path(found: Any, path: str) -> Any:
    """What stands at a dotted path. `[]` goes on with each item of a list, and makes a list of all that is found."""
    for number, step in enumerate(path.split(".") if path else []):
        if step.endswith("[]"):
            inner = at_path(found, step[:-2]) if step != "[]" else found
            if not isinstance(inner, list):
                raise NothingThere(f"no list stands at {step!r} of what was answered")
            rest = ".".join(path.split(".")[number + 1 :])
            return [at_path(item, rest) for item in inner]
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise NothingThere(f"nothing stands at {path!r} of what was answered") from None
    return found


def fitting(pattern: str, text: str) -> Any:
    """What the pattern finds in a text: its named groups, else its first group that took part, else all of it.
    NothingThere when it fits nowhere."""
    found = patterns.compiled(pattern, ignore_case=True).search(text)
    if found is None:
        raise NothingThere("nothing in what was answered fits the pattern that is looked for")
    if named := {name: part for name, part in found.groupdict().items() if part is not None}:
        return named
    return next((part for part in found.groups() if part is not None), found[0])


def plain(value: Any) -> Any:
    """JSON-able."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if isinstance(value, Json):
        return value.obj
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
