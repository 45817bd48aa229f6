"""Plain text: log lines of any dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from incidents.foreign import times
from incidents.foreign.facts import Facts
from systems.logrecords import Assembler

LINE_LIMIT = 16_384
_WORDS = (None, "warn", "error")
_COMPOSE = re.compile(r"^([\w.-]{2,60}?)(?:-\d+)?\s+\| ")
_CRI = re.compile(r"^(\d{4}-\d\d-\d\dT\S+) (?:stdout|stderr) [FP] ")
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
    _take((line.encode("utf-8", "replace") for line in lines), component, facts)


def read(lines: Iterable[bytes], file: str, facts: Facts) -> None:
    """A file of text, line by line; tracebacks are joined."""
    _take((line[:LINE_LIMIT].rstrip(b"\r\n") for line in lines), component_of(file), facts)


def _take(lines: Iterable[bytes], component: str, facts: Facts) -> None:
    assemblers: dict[str, Assembler] = {}
    last: float | None = None
    for raw in lines:
        text = raw.decode(errors="replace")
        name = component
        if found := _COMPOSE.match(text):
            name, text = found[1], text[found.end() :]
        stamp = None
        if cri := _CRI.match(text):
            stamp, text = times.parse(cri[1]), text[cri.end() :]
        stamp = stamp if stamp is not None else times.in_line(text)
        last = stamp if stamp is not None else last
        assembler = assemblers.get(name)
        if assembler is None:
            assembler = assemblers[name] = Assembler()
        for record in assembler.feed([text.encode("utf-8", "replace")]):
            facts.logs.add(name, last, record.text, _WORDS[record.rank])
    for name, assembler in assemblers.items():
        for record in assembler.flush():
            facts.logs.add(name, last, record.text, _WORDS[record.rank])
