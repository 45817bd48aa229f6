"""Turns raw log lines into records: JSON lines, plain lines, and tracebacks that span lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from systems.readings import TEXT_LIMIT, clean

_LEVEL = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL|PANIC|LOG|DETAIL|HINT|STATEMENT|CONTEXT)\b:?"
)
_EXCEPTION = re.compile(
    r"^(?:[\w]+\.)*\w*(?:Error|Exception|Exit|Interrupt|Conflict|Warning|Timeout|Refused)\b(?::|$)"
)
_FRAME = re.compile(r'^\s*File "([^"]+)", line (\d+), in (\S+)')
# Small letters count only where a level stands: `level=error`, `[error]`, `<err>`, `error:`. And `E1123 10:15`.
_SMALL = re.compile(
    r"(?:\b(?:level|lvl|severity)=\"?|[\[<])([a-z]{3,8})\b(?=[\s\"\]>:,|]|$)"
    r"|\b(debug|info|notice|warn|warning|err|error|crit|critical|alert|emerg|fatal|panic):",
    re.IGNORECASE,
)
_GLOG = re.compile(r"^([IWEF])\d{4} \d\d:\d\d")
_RANK = {"WARNING": 1, "WARN": 1, "ERROR": 2, "CRITICAL": 2, "FATAL": 2, "PANIC": 2}
_RANK |= {"ERR": 2, "CRIT": 2, "ALERT": 2, "EMERG": 2, "W": 1, "E": 2, "F": 2}
_LEVELS = frozenset({*_RANK, "TRACE", "DEBUG", "INFO", "NOTICE"})
_TRACEBACK = "Traceback (most recent call last):"
# A line of an access log, not at warning or error level: its path and headers are what a caller typed.
_ACCESS = re.compile(
    r"^(?:INFO:?\s+)?(?:[0-9a-fA-F:.]{3,45}(?:\s+\S+){0,2}\s+(?:\[[^\]]{0,40}\]\s+)?)?[\"'-]?"
    r"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)\s+(?:/|https?:)"
)
JOIN_LIMIT = 400  # lines of one traceback looked at


@dataclass(frozen=True, slots=True)
class Record:
    """One log record. `rank`: 0 information, 1 warning, 2 error."""

    text: str
    rank: int


class Assembler:
    """Joins the lines of one file into records. Keeps an open traceback until it ends or nothing follows."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._in_traceback = False
        self._plain: Record | None = None

    def feed(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """Records of the given lines. A traceback that has not ended is held back until the next call."""
        any_line = False
        for raw in lines:
            any_line = True
            yield from self._line(raw)
        if not any_line:  # nothing followed since the last poll: it was the end
            yield from self.flush()
        elif self._plain is not None:
            yield self._plain
            self._plain = None

    def flush(self) -> Iterator[Record]:
        """Give out what is held back."""
        if self._open:
            yield _traceback(self._open)
            self._open, self._in_traceback = [], False
        if self._plain is not None:
            yield self._plain
            self._plain = None

    def _line(self, raw: bytes) -> Iterator[Record]:
        if raw[:1] == b"{":
            record = _json_record(raw)
            if record is not None:
                yield from self.flush()
                yield record
                return
        line = clean_line(raw)
        if self._in_traceback:
            yield from self._traceback_line(line)
        elif _TRACEBACK in line:
            yield from self.flush()
            self._open, self._in_traceback = [line], True
        elif line[:1] in (" ", "\t") and self._plain is not None:
            joined = clean(f"{self._plain.text} | {line.strip()}")
            self._plain = Record(
                joined, max(self._plain.rank, rank_of(line) if len(joined) < TEXT_LIMIT else 0)
            )
        elif line.strip():
            yield from self.flush()
            self._plain = Record(clean(line), rank_of(line))

    def _traceback_line(self, line: str) -> Iterator[Record]:
        if len(self._open) < JOIN_LIMIT:
            self._open.append(line)
        if line.strip() and line[:1] not in (" ", "\t") and not line.startswith(_TRACEBACK):
            yield _traceback(self._open)
            self._open, self._in_traceback = [], False


def clean_line(raw: bytes) -> str:
    """Text of a raw line: broken UTF-8 replaced, ANSI and control characters gone, indentation kept."""
    text = raw.decode(errors="replace")
    indent = " " if text[:1] in (" ", "\t") else ""
    return indent + clean(text, 4000)


def is_access(line: str) -> bool:
    """Whether a line is one of an access log: it tells of a request, in the words of who sent it."""
    return _ACCESS.match(line) is not None


def rank_of(line: str) -> int:
    """0 information, 1 warning, 2 error, by the first level word near the start or an exception's name; 0 for the line
    of an access log, whatever its request says."""
    if is_access(line):
        return 0
    found = _LEVEL.search(line[:160]) or _GLOG.match(line)
    if found is not None:
        return _RANK.get(found[1], 0)
    for small in _SMALL.finditer(line[:160]):
        word = (small[1] or small[2]).upper()
        if word in _LEVELS:
            return _RANK.get(word, 0)
    return 2 if _EXCEPTION.match(line.strip()) or _TRACEBACK in line else 0


def _traceback(lines: list[str]) -> Record:
    return Record(clean(traceback_text(lines)), 2)


def traceback_text(lines: list[str]) -> str:
    """The last line of a traceback and where it was raised: `TypeError: ... | api/quote.py:12 in quote`."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    place = ""
    for line in lines:
        frame = _FRAME.match(line)
        if frame is not None:
            place = f" | {'/'.join(frame[1].split('/')[-2:])}:{frame[2]} in {frame[3]}"
    return (last if last != _TRACEBACK else "Traceback") + place


def _json_record(raw: bytes) -> Record | None:
    try:
        data = json.loads(raw.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    level = str(data.get("level", data.get("severity", "INFO"))).upper()[:10]
    message = _first(data, "msg", "message", "event") or _rest_of(data)
    exception = _first(data, "exc", "exception", "exc_info", "traceback", "error")
    if exception:
        lines = exception.splitlines()
        text = traceback_text(lines) if len(lines) > 1 else exception
        # the end of a chained exception is what matters, and it must fit
        message = f"{message[:200]} | {text}" if text not in message else message
    if _TRACEBACK in message:
        head, _, trace = message.partition(_TRACEBACK)
        message = f"{head.strip()[:200]} {traceback_text(trace.splitlines())}".strip()
    rank = _RANK.get(level, 0)
    word = "" if rank == 0 else f"{level} "
    return Record(clean(word + message.replace("\n", " | ")), rank)


def _first(data: dict[str, Any], *keys: str) -> str:
    for key in keys:
        value = data.get(key)
        if value:
            return value[:20_000] if isinstance(value, str) else str(value)[:2000]
    return ""


def _rest_of(data: dict[str, Any]) -> str:
    skip = {"ts", "time", "timestamp", "level", "severity", "req_id", "svc", "replica", "service"}
    return " ".join(f"{k}={v}" for k, v in data.items() if k not in skip)[:2000]
