"""The end of a service's log, as the incident page shows it: cleaned, without secrets, with a tone per line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from systems import redact
from systems.logs.globs import matching
from systems.logs.reading import level_of, read
from systems.readings import clean
from systems.services import LoadedSystem

READ_BYTES = 96_000
LINE_LIMIT = 600
_TONES = ("", "w", "e")


@dataclass(frozen=True)
class Line:
    """`tone` is e (error), w (warning) or empty; `raw` the line as it stands in the file, when it was put in words."""

    text: str
    tone: str
    raw: str = ""


def tail(system: LoadedSystem, service: str, lines: int = 150) -> list[Line]:
    """The last lines of the service's log files, or of its runtime when it names none.

    UnknownService, OSError or RuntimeError_ when there is nothing to read."""
    spec = system.service(service)
    raw: list[str] = []
    for log in spec.logs:
        for file in matching(system.path(log.file)):
            raw += _end_of(file)
    if not spec.logs and spec.unit:
        raw = system.runtime.logs(spec.unit, lines)
    hide = redact.for_system(system)
    return [_line(hide.text(clean(text, LINE_LIMIT))) for text in raw[-lines:] if text.strip()]


def readable(system: LoadedSystem) -> list[str]:
    """Services that have a log at all."""
    return [name for name, spec in system.services.items() if spec.logs or spec.unit]


def _end_of(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - READ_BYTES))
        text = file.read(READ_BYTES).decode("utf-8", "replace")
    rows = text.split("\n")
    return rows[1:] if size > READ_BYTES else rows


def _line(text: str) -> Line:
    level = level_of(text)
    short = _spoken(text)
    return Line(short, _TONES[level.rank if level else 0], text if short != text else "")


def _spoken(text: str) -> str:
    """A line of JSON as time, level, message and what else it holds; any other line as it is."""
    line = read(text).line
    if line.dialect != "json":
        return text
    at = str(line.stamp or "")
    clock = at[11:23] if len(at) >= 19 and at[10] in "T " else at
    level = line.level.name.upper() if line.level else ""
    rest = "" if line.rest == line.body else line.rest
    return " ".join(filter(None, [clock, level, line.body, line.trace.replace("\n", " | "), rest]))
