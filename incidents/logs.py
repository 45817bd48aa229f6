"""The end of a service's log, as the incident page shows it: cleaned, without secrets, with a tone per line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from systems import redact
from systems.readings import clean
from systems.services import LoadedSystem

READ_BYTES = 96_000
LINE_LIMIT = 600
_BAD = re.compile(
    r'"(?:level|severity)"\s*:\s*"(?:error|critical|fatal)"|\b(?:ERROR|CRITICAL|FATAL|Traceback|PANIC)\b',
    re.I,
)
_WARN = re.compile(r'"(?:level|severity)"\s*:\s*"warn(?:ing)?"|\bWARN(?:ING)?\b', re.I)


@dataclass(frozen=True)
class Line:
    """`tone` is e (error), w (warning) or empty."""

    text: str
    tone: str


def tail(system: LoadedSystem, service: str, lines: int = 150) -> list[Line]:
    """The last lines of the service's log files, or of its runtime when it names none.

    UnknownService, OSError or RuntimeError_ when there is nothing to read."""
    spec = system.service(service)
    raw: list[str] = []
    for log in spec.logs:
        raw += _end_of(system.path(log.file))
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
    if _BAD.search(text):
        return Line(text, "e")
    return Line(text, "w" if _WARN.search(text) else "")
