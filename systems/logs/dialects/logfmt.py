"""logfmt: `time=... level=error msg="..."`, and the records of journald as it exports them."""

from __future__ import annotations

import re

from systems.logs.dialects.structured import of_record
from systems.logs.lines import Dialect, Line

_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|\S*)')
_BEGINS = re.compile(r'^[A-Za-z_@][\w.@/-]*=(?:"(?:[^"\\]|\\.)*"|\S*)(?:\s+[A-Za-z_@][\w.@/-]*=|\s*$)')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_TELLING = re.compile(r"(?:^|\s)(?:level|lvl|severity|msg|message|err|error|at|loglevel|log\.level)=")


def pairs(text: str) -> dict[str, str]:
    """The fields of a line."""
    found: dict[str, str] = {}
    for key, value in _PAIR.findall(text):
        if value[:1] == '"':
            value = _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), value[1:-1])
        found.setdefault(key, value)
    return found


def read(text: str) -> Line | None:
    """A line that begins with `key=value` and has a level or a message among its fields."""
    if "=" not in text[:40] or not _BEGINS.match(text) or not _TELLING.search(text):
        return None
    fields = pairs(text)
    if "at" in fields and "level" not in fields:  # Heroku
        fields["level"] = fields.pop("at")
    line = of_record(fields)
    if line is not None:
        line.dialect, line.closed, line.inner = "logfmt", False, False
    return line


DIALECTS = (Dialect("logfmt", "a_@", read),)
