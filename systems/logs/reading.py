"""A raw line as text, and what it says with whatever is around it taken off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from systems.logs import dialects, stamps
from systems.logs.carriers import ENGINES, peeled
from systems.logs.dialects import access, leveled
from systems.logs.dialects.access import w3c
from systems.logs.dialects.postgres import csvlog
from systems.logs.levels import ERROR, Level
from systems.logs.lines import Line, Stream
from systems.logs.traces import shapes

_PROCESS = re.compile(r"^\d+:\d{8}:")
_REQUEST = re.compile(rf"^(?:{access.METHODS}) /\S* \d{{3}} ")
LINE_LIMIT = 20_000
DEEPEST = 5
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b\u202a-\u202e\u2066-\u2069\ufeff]")
_HIDDEN = re.compile(
    r"[^\t\x20-\x7e\xa0-\u200a\u200c-\u2029\u2030-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\U0010ffff]"
)


def plain(raw: bytes) -> str:
    """Text of a raw line: broken UTF-8 replaced, ANSI and control characters gone, indentation kept."""
    text = raw[:LINE_LIMIT].decode("utf-8", "replace").rstrip("\r\n")
    if "\0" in text and text.count("\0") * 5 >= len(text) * 2:  # a line of a file in UTF-16
        text = raw[:LINE_LIMIT].replace(b"\0", b"").decode("utf-8", "replace").rstrip("\r\n")
    if text[:1] == "\xa0":  # some indent with spaces that do not break
        text = text.replace("\xa0", " ")
    if _HIDDEN.search(text) is None:
        return text
    return _CONTROL.sub("", _ANSI.sub("", text))


@dataclass(slots=True)
class Said:
    """A line; `carrier`: by whose hands it came (engines and daemons put their name before it); `shown`: its text
    without what an engine put around it; `part`: whose it is, where a carrier says so."""

    line: Line
    carrier: str
    shown: str
    part: str = ""


def read(text: str, stream: Stream | None = None) -> Said:
    """What a line says. A line that no dialect knows is its own body."""
    said = Said(Line("", text), "", text)
    stamp: object = None
    level = None
    for _ in range(DEEPEST):
        inner = _inside(text, stream)
        if inner is None:
            break
        said.line = inner
        stamp, level = _better(inner.stamp, stamp), inner.level or level
        if not inner.inner:
            break
        if inner.who:
            said.carrier = f"{said.carrier} {inner.who}" if said.carrier else inner.who
        if inner.dialect in ENGINES:
            said.shown = inner.body
        if inner.dialect in ("compose", "kubectl"):
            said.part = inner.who.rpartition("/")[2]
        if inner.more or not inner.body or (shapes.goes_on(inner.body) and _indented(inner.body) is None):
            break
        text = inner.body
    said.line.stamp, said.line.level = stamp, level
    return said


@lru_cache(maxsize=8192)
def level_of(text: str) -> Level | None:
    """The level that a line of text says, or error for an exception by its name; None where it says none."""
    level = read(text).line.level
    return ERROR if level is None and shapes.begins(text.strip()) else level


def rank_of(text: str) -> int:
    """0 information, 1 warning, 2 error, as a line says itself; 0 where it does not say."""
    level = level_of(text)
    return level.rank if level is not None else 0


@lru_cache(maxsize=8192)
def is_access(text: str) -> bool:
    """Whether a line tells of a request, in the words of who sent it."""
    return read(text).line.access is not None


def _inside(text: str, stream: Stream | None) -> Line | None:
    if stream is not None:
        if (stream.columns or text[:1] == "#") and (found := w3c(text, stream)) is not None:
            return found
        if (stream.entry or text[24:40].find(",") >= 0) and (found := csvlog(text, stream)) is not None:
            return found
    if text[:1] == " " and ((line := _indented(text)) is not None or text.lstrip()[:2].isdigit()):
        return line
    return peeled(text) or dialects.read(text)


def _indented(text: str) -> Line | None:
    """Some indent whole records; all else that is indented goes on with what came before it."""
    if (line := leveled.marked(text)) is not None:
        return line
    bare = text.lstrip()
    if _REQUEST.match(bare):
        return access.short(bare)
    if not bare[:2].isdigit() or (found := dialects.read(bare)) is None or found.stamp is None:
        return None
    return found if found.level is not None or _PROCESS.match(bare) else None


def _better(inner: object, outer: object) -> object:
    """The stamp of the part itself where it tells a zone, else the one that was put before it."""
    if outer is None or inner is None:
        return inner if outer is None else outer
    if not isinstance(inner, str):
        return outer if stamps.aware(inner) is None else inner
    if not re.search(r"(?:Z|[+-]\d\d:?\d\d|UTC|GMT)\]?$", inner):
        return outer
    return inner
