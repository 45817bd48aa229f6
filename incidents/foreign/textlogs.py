"""Plain text: log lines of any dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from pathlib import PurePosixPath

from incidents.foreign.facts import Facts
from systems.logs.joining import records

LINE_LIMIT = 16_384
_NUMBERED = re.compile(r"-\d+$")
_GENERIC = re.compile(
    r"^(app|application|log|logs|output|console|stdout|stderr|messages|system|all|out|error|errors|docker-compose"
    r"|compose|combined|service|server|data|dump|export|current|events?)(?:[-_.]?logs?)?$",
    re.IGNORECASE,
)


def component_of(file: str) -> str:
    """A log file's name is usually its component's; "" where it is a general word. Its folder, then."""
    path = PurePosixPath(file)
    for part in (path.name, *reversed(path.parts[:-1])):
        stem = re.sub(r"(\.(log|txt|out|err|json|ndjson|jsonl|gz|\d+))+$", "", part)
        if stem and not _GENERIC.match(stem):
            return stem
    return ""


def take_lines(lines: Iterable[str], component: str, facts: Facts) -> None:
    """Lines without an encoding any more, of one component."""
    take((line.encode("utf-8", "replace") for line in lines), component, facts)


def read(lines: Iterable[bytes], file: str, facts: Facts) -> None:
    """A file of text, line by line; tracebacks are joined."""
    take((line[:LINE_LIMIT] for line in lines), component_of(file), facts)


def take(lines: Iterable[bytes], component: str, facts: Facts) -> None:
    """Records of any dialect; a carrier (compose, kubectl) says whose they are, where it does."""
    last: float | None = None
    for record in records(lines):
        moment = record.time(UTC)  # of who tells no zone nothing better is known
        last = moment.timestamp() if moment is not None else last
        facts.logs.add(
            _NUMBERED.sub("", record.part) or component, last, record.told, record.level and record.level.name
        )
