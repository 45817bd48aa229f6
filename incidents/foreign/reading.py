"""A bundle into facts: every file by what is in it, never by what it is called."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from incidents.foreign import jsonstream, tables, textlogs, times
from incidents.foreign.facts import Facts
from incidents.foreign.files import Budget, Limited, Source, find
from incidents.foreign.shapes import SHAPES, changes, metrics, prometheus
from incidents.foreign.shapes.base import Context, Shape
from systems import yamlsafe
from systems.logs.files import encoding_of

HEAD = 1 << 16
MOST_DEPTH = 40
YAML_LIMIT = yamlsafe.MAX_CHARS
_YAML = re.compile(r"^(---\s*$|[\w.\"'/-]+:(\s|$)|- [\w\"'{])", re.M)
_LOG_TIME = re.compile(r"^\S{0,3}\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|^\w{3} +\d+ \d\d:\d\d|^\d+ |^\[", re.M)


def read(path: Path, budget: Budget | None = None) -> Facts:
    """Everything that can be read at `path` (a folder, an archive, or one file). `NoBundle` when there is no such path;
    what cannot be read is noted."""
    facts = Facts()
    left = budget or Budget()
    for source in find(path, facts.note, left):
        if left.bytes <= 0:
            facts.note("larger than what is read of one bundle: the rest was left out")
            break
        _file(source, facts, left)
    return facts


def _file(source: Source, facts: Facts, budget: Budget) -> None:
    try:
        raw = Limited(source.open(), budget)
        with io.BufferedReader(raw, HEAD * 2) as file:
            head = file.peek(HEAD)[:HEAD]
            if not head.strip():
                return
            encoding = encoding_of(head)
            if encoding is None:
                facts.note(f"{source.name}: not text, not read")
                return
            with io.TextIOWrapper(file, encoding, errors="replace", newline=None) as text:
                form = _take(source.name, head.decode(encoding, "replace"), text, facts)
                facts.forms[form] += 1
            if raw.cut:
                facts.note(f"{source.name}: too large, only its beginning was read")
    except jsonstream.Broken as error:
        facts.note(f"{source.name}: JSON that breaks off: {error}")
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        RecursionError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
    ) as error:
        facts.note(f"{source.name}: could not be read whole ({type(error).__name__})")


def _take(name: str, head: str, text: TextIO, facts: Facts) -> str:
    """Recognise the file's form and take it in; returns the form."""
    start = head.lstrip("\ufeff \t\r\n")
    if start[:1] in "{[" and _is_json(start):
        return _json(name, start, text, facts)
    if re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?\s*", start) or re.fullmatch(
        r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)?\s*", start
    ):
        moment = times.parse(start.strip())
        if moment is not None:
            facts.hints.append(moment)
        return "a moment"
    if changes.looks_like(head):
        return changes.read_log(text, facts)
    if prometheus.looks_like(head):
        return prometheus.read(text, name, facts)
    delimiter = tables.looks_like(head)
    if delimiter:
        walker = Walker(name, facts)
        return tables.read(text, name, delimiter, facts, walker.record)
    if PurePosixPath(name).suffix.lower() in (".yml", ".yaml") or (
        _YAML.match(start) and not _LOG_TIME.match(start)
    ):
        return _yaml(name, text, facts)
    textlogs.read((line.encode("utf-8", "replace") for line in _lines(text)), name, facts)
    return "log lines"


def _is_json(start: str) -> bool:
    """A log line may begin with a bracket too."""
    if start[0] == "{":
        return re.match(r"\{\s*(\"|\}|$)", start) is not None
    return re.match(r"\[\s*([{\[\"\]\-\d]|$|true|false|null)", start) is not None and not re.match(
        r"\[\d[\d/:. -]{6,}", start
    )


def _lines(text: TextIO) -> Iterator[str]:
    """Lines; of one that never ends only pieces."""
    while True:
        line = text.readline(1 << 18)
        if not line:
            return
        yield line


def _json(name: str, start: str, text: TextIO, facts: Facts) -> str:
    """One document, or one on each line."""
    walker = Walker(name, facts)
    line = start.split("\n", 2)
    rest = line[1].lstrip()[:1] if len(line) > 1 else ""
    if start[0] == "{" and rest == "{" and line[0].rstrip().endswith("}"):
        return _ndjson(walker, text, facts)
    try:
        for keys, value in jsonstream.values(text):
            walker.value(value, keys)
    finally:
        walker.close()
    return walker.form or "JSON"


def _ndjson(walker: Walker, text: TextIO, facts: Facts) -> str:
    broken = 0
    for line in _lines(text):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
            if line[:1] != "{":
                facts.logs.add(textlogs.component_of(walker.name), times.in_line(line), line.rstrip())
            continue
        walker.value(value)
    if broken:
        facts.note(f"{walker.name}: {broken} lines are no JSON")
    walker.close()
    return walker.form or "JSON lines"


def _yaml(name: str, text: TextIO, facts: Facts) -> str:
    whole = text.read(YAML_LIMIT + 1)
    walker = Walker(name, facts)
    for number, part in enumerate(re.split(r"^---\s*$", whole, flags=re.M)[:2000]):
        try:
            value = yamlsafe.load(part)
        except yamlsafe.Refused as error:
            if number == 0 and "\n" in whole and not walker.form:
                textlogs.read((line.encode("utf-8", "replace") for line in whole.splitlines()), name, facts)
                return "log lines"
            facts.note(f"{name}: {error}")
            continue
        walker.value(_plain(value))
    walker.close()
    return walker.form or "YAML"


def _plain(value: Any, depth: int = 0) -> Any:
    """YAML knows dates: as text, like everywhere else."""
    if depth > MOST_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {str(k): _plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v, depth + 1) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


class Walker:
    """Goes through values and gives each record to the shape that fits it."""

    def __init__(self, name: str, facts: Facts) -> None:
        self.name, self.facts, self.form = name, facts, ""
        self._context = Context(name, walk=self._walk)
        self._keys: tuple[str, ...] = ()
        self._shape: Shape | None = None
        self._depth = 0
        self.plain = 0  # records that no shape knows
        self._before = facts.size

    def value(self, value: Any, keys: Iterable[str] = ()) -> None:
        context = self._context
        for key in keys:
            context = context.inside(key, {})
        self._walk(value, context)

    def record(self, record: dict[str, Any]) -> None:
        """A row of a table."""
        self._walk(record, self._context)

    def close(self) -> None:
        if self.plain and not self.form:
            self.facts.note(f"{self.name}: nothing in it was recognised")
        elif self.form and self.facts.size == self._before:
            self.facts.note(f"{self.name}: it looks like {self.form}, and nothing in it could be used")

    def _walk(self, value: Any, context: Context) -> None:
        if self._depth >= MOST_DEPTH:
            self.facts.note(f"{self.name}: nested more than {MOST_DEPTH} deep, what lies deeper was left out")
            return
        self._depth += 1
        try:
            if isinstance(value, Mapping):
                self._mapping(value, context)
            elif isinstance(value, list) and not metrics.loose(value, context, self.facts):
                for item in value:
                    if isinstance(item, Mapping | list):
                        self._walk(item, context)
                    elif isinstance(item, str) and context.key in (
                        "logs",
                        "lines",
                        "log",
                        "stdout",
                        "stderr",
                    ):
                        textlogs.take_lines([item], _who(context), self.facts)
        finally:
            self._depth -= 1

    def _mapping(self, record: Mapping[str, Any], context: Context) -> None:
        shape = self._fitting(record, context)
        if shape is not None:
            self.form = self.form or shape.name
            try:
                shape.take(record, context, self.facts)
            except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
                self.facts.note(f"{self.name}: a record that looks like {shape.name} is not of that form")
            return
        self.plain += 1
        around = {
            k: v
            for k, v in record.items()
            if isinstance(v, str | int | float | Mapping) and not (isinstance(v, Mapping) and len(v) > 20)
        }
        for key, inner in record.items():
            if isinstance(inner, Mapping | list):
                self._walk(inner, context.inside(str(key), around))
            elif (
                isinstance(inner, str)
                and key in ("logs", "log", "stdout", "stderr", "output")
                and "\n" in inner
            ):
                textlogs.take_lines(inner.splitlines(), _who(context.inside(str(key), around)), self.facts)

    def _fitting(self, record: Mapping[str, Any], context: Context) -> Shape | None:
        """The shape of the record; records of the same keys one after the other are of the same shape."""
        keys = tuple(record)
        if self._shape is not None and keys == self._keys and self._shape.fits(record, context):
            return self._shape
        for shape in SHAPES:
            if shape.fits(record, context):
                self._keys, self._shape = keys, shape
                return shape
        return None


def _who(context: Context) -> str:
    named = [
        str(context.around.get(k))
        for k in ("pod_name", "pod", "service", "container", "name", "component")
        if context.around.get(k)
    ]
    return named[0] if named else (context.keys[-2] if len(context.keys) > 1 else "")
