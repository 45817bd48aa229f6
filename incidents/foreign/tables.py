"""CSV and TSV: wide metrics (a column each), long metrics (a row each), and rows that are records of any shape."""

from __future__ import annotations

import csv
import json
import math
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, TextIO, TypeAlias

from incidents.foreign import columns, names, times
from incidents.foreign.facts import MOST_POINTS, Facts

Arrays: TypeAlias = "tuple[array[float], array[float]]"
Record = Callable[[dict[str, Any]], None]  # takes a row that is a record

csv.field_size_limit(4_000_000)
TIME = re.compile(
    r"^(time|timestamp|ts|date|datetime|time_?stamp(_?(ms|ns|us))?|@timestamp|start_?time(_?millis|_?unix_?nano)?|"
    r"first_?seen|last_?seen|at|created(_?at)?|period|timestamps?|time_?unix_?nano)$",
    re.IGNORECASE,
)
VALUE = re.compile(r"^(value|val|metric_?value|average|avg|mean|maximum|max|sum)$", re.IGNORECASE)
METRIC = re.compile(
    r"^(metric|metric_?name|kpi|kpi_?name|name|__name__|series|label|measure(ment)?|itemid|indicator)$",
    re.IGNORECASE,
)
COMPONENT = re.compile(
    r"^(cmdb_?id|service|service_?name|component|app|application|pod|pod_?name|container|container_?name|instance(_?id)?|"
    r"host|host_?name|node|entity|entity_?name|deployment|workload|resource|source|tc|object|object_?id|dimension.*)$",
    re.IGNORECASE,
)
RECORD = re.compile(
    r"(message|^msg$|^log$|^body$|span_?id|trace_?id|^reason$|severity|level|commit|^sha$|alert|event|content|"
    r"log_?name|^raw$|deploy|^version$|flag|author)",
    re.IGNORECASE,
)
PLAIN_NUMBER = re.compile(
    r"^\s*(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|null|none|inf|-inf|)\s*$", re.IGNORECASE
)
SAMPLE_ROWS = 40


def looks_like(text: str) -> str:
    """The delimiter when the text is a table with a header, "" when it is not."""
    rows = [r for r in text.splitlines()[:SAMPLE_ROWS] if r.strip()]
    if len(rows) < 2 or rows[0].lstrip()[:1] in "{[<#":
        return ""
    for delimiter in ("\t", ",", ";", "|"):
        try:
            table = list(csv.reader(rows[:-1] if len(rows) > 2 else rows, delimiter=delimiter))
        except csv.Error:
            continue
        width = len(table[0])
        header = [h.strip() for h in table[0]]
        if (
            width < 2
            or len(set(header)) < width * 0.9
            or not all(re.match(r"^[^\W\d]|^@|^_|^$|^\w", h) for h in header)
        ):
            continue
        if sum(bool(PLAIN_NUMBER.match(h)) for h in header) > 1 or any(len(h) > 200 for h in header):
            continue
        if not any(
            TIME.match(h) or COMPONENT.match(h) or METRIC.match(h) or RECORD.search(h) for h in header
        ):
            continue
        if sum(len(row) == width for row in table) >= 0.6 * len(table):
            return delimiter
    return ""


def read(file: TextIO, name: str, delimiter: str, facts: Facts, record: Record) -> str:
    """Take a table in; returns what form it had."""
    rows = _rows(csv.reader(file, delimiter=delimiter))
    header = [h.strip().lstrip("\ufeff") for h in next(rows, [])]
    first = [row for _, row in zip(range(SAMPLE_ROWS), rows, strict=False)]
    numeric = [all(PLAIN_NUMBER.match(row[i]) for row in first if i < len(row)) for i in range(len(header))]
    when = next((i for i, h in enumerate(header) if TIME.match(h)), -1)
    value = next((i for i, h in enumerate(header) if VALUE.match(h) and numeric[i]), -1)
    metric = next(
        (i for i, h in enumerate(header) if METRIC.match(h) and i not in (when, value) and not numeric[i]), -1
    )
    what = _component_column(header, numeric, (when, value, metric))
    everything = _chain(first, rows)
    if any(RECORD.search(h) for h in header) and not (metric >= 0 and value >= 0):
        return _records(header, everything, record)
    if when >= 0 and value >= 0 and (metric >= 0 or what >= 0):
        _long(header, everything, (when, what, metric, value), PurePosixPath(name).stem, facts)
        return "metrics (long table)"
    numbers = [
        i
        for i, n in enumerate(numeric)
        if n and i != when and any(i < len(r) and r[i].strip() for r in first)
    ]
    if when >= 0 and numbers:
        _wide(header, everything, when, what, numbers, PurePosixPath(name).stem, facts)
        return "metrics (wide table)"
    return _records(header, everything, record)


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows until the end; a broken one (a field without end) is passed over."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
        if row:
            yield row


def _chain(first: Sequence[list[str]], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield from first
    yield from rest


def _component_column(header: list[str], numeric: list[bool], taken: tuple[int, ...]) -> int:
    fits = [i for i, h in enumerate(header) if COMPONENT.match(h) and i not in taken and not numeric[i]]
    order = {"cmdb_id": 0, "service": 1, "service_name": 1, "servicename": 1, "tc": 2, "component": 2}
    return min(fits, key=lambda i: (order.get(header[i].lower(), 5), i), default=-1)


def _records(header: list[str], rows: Iterator[list[str]], record: Record) -> str:
    for row in rows:
        item: dict[str, Any] = {h: _cell(v) for h, v in zip(header, row, strict=False) if v != ""}
        if item:
            record(item)
    return "records (table)"


def _cell(text: str) -> Any:
    """A cell that is JSON itself is read as such."""
    if text[:1] in "{[" and text[-1:] in "}]" and len(text) < 500_000:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _long(
    header: list[str], rows: Iterator[list[str]], columns: tuple[int, int, int, int], stem: str, facts: Facts
) -> None:
    when, what, metric, value = columns
    labels = [i for i, h in enumerate(header) if i not in (when, value) and COMPONENT.match(h)]
    tags = next(
        (
            i
            for i, h in enumerate(header)
            if re.match(r"^(labels?|tags|attributes|dimensions?)$", h, re.I) and i != metric
        ),
        -1,
    )
    unit = next((i for i, h in enumerate(header) if h.lower() in ("unit", "units")), -1)
    cache: dict[tuple[str, ...], Arrays | None] = {}
    keys = sorted({i for i in (what, metric, tags, unit, *labels) if i >= 0})
    width = max(*keys, when, value) + 1
    for row in rows:
        if len(row) < width:
            continue
        at, number = times.parse(row[when]), _number(row[value])
        if at is None or number is None:
            continue
        key = tuple([row[i] for i in keys])
        if key not in cache:
            if len(cache) > 200_000:
                cache.clear()
            cache[key] = _series_of(row, what, metric, tags, unit, stem, facts)
        lines = cache[key]
        if lines is not None and facts.points < MOST_POINTS:
            lines[0].append(at)
            lines[1].append(number)
            facts.points += 1


def _series_of(
    row: list[str], what: int, metric: int, tags: int, unit: str | int, stem: str, facts: Facts
) -> Arrays | None:
    labels = labels_of(row[tags]) if tags >= 0 else {}
    name = row[what] if what >= 0 else names.of_labels(labels)
    found = facts.line(
        place(name or stem, facts),
        row[metric] if metric >= 0 else stem,
        row[unit] if isinstance(unit, int) and unit >= 0 else "",
    )
    return None if found is None else (found.times, found.values)


def labels_of(text: Any) -> dict[str, object]:
    """Labels from a cell: JSON, `{a="b"}`, `a:b,c:d` or `a=b;c=d`."""
    if isinstance(text, dict):
        return text
    if isinstance(text, list):
        text = ",".join(str(t) for t in text)
    if not isinstance(text, str):
        return {}
    if text[:1] == "{" and '":' in text:
        cell = _cell(text)
        if isinstance(cell, dict):
            return cell
    pairs = re.findall(r"([\w.@/-]+)\s*[=:]\s*\"?([^\",;{}\s]+)\"?", text[:2000])
    return dict(pairs)


def place(name: str, facts: Facts) -> str:
    """A component from a name that also says where it runs, or on which way a call went (`x-1.source.x.y`)."""
    name, node = names.on_node(name)
    if node:
        facts.runs_on(name, node)
    found = re.match(r"^(.+?)\.(source|destination)\.([^.]+)\.([^.]+)$", name)
    if found:
        if found[3] != "unknown" and found[4] != "unknown":
            facts.edge(found[3], found[4])
        return found[1]
    return name


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wide(
    header: list[str],
    rows: Iterator[list[str]],
    when: int,
    what: int,
    numbers: list[int],
    stem: str,
    facts: Facts,
) -> None:
    """A column for each metric; with a column of components, a series for each of them and metric."""
    split = columns.split_columns([header[i] for i in numbers]) if what < 0 else {}
    fixed: list[Arrays | None] = []
    if what < 0:
        named = [split[header[i]] for i in numbers]
        fixed = [_lines(facts, component or stem, metric) for component, metric in named]
    by_name: dict[str, list[Arrays | None]] = {}
    width = max(*numbers, when, what) + 1
    for row in rows:
        if len(row) < width:
            continue
        at = _moment(row[when])
        if at is None or facts.points >= MOST_POINTS:
            continue
        lines = fixed
        if what >= 0:
            name = row[what]
            if name not in by_name:
                by_name[name] = [_lines(facts, place(name or stem, facts), header[i]) for i in numbers]
            lines = by_name[name]
        try:  # almost every row has a number in every place
            values: list[float | None] = [float(row[i]) for i in numbers]
        except ValueError:
            values = [_number(row[i]) for i in numbers]
        for line, value in zip(lines, values, strict=True):
            if line is not None and value is not None:
                line[0].append(at)
                line[1].append(value)
        facts.points += len(numbers)


def _moment(text: str) -> float | None:
    """A time, or the number of a step where a table counts from nothing."""
    at = times.parse(text)
    if at is None:
        number = _number(text)
        return number if number is not None and number <= 1e9 else None
    return at


def _lines(facts: Facts, component: str, metric: str) -> Arrays | None:
    found = facts.line(component, metric)
    return None if found is None else (found.times, found.values)
