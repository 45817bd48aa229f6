"""Samples out of Prometheus text and OpenMetrics, each line for itself: one that is broken costs no other.

prometheus-client takes a series' name and labels apart, once for each series: between two looks only values change.
The two formats differ in what stands around a sample (end mark, exemplars, unit of the time stamp), not in the sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

MEDIA_TYPES = ("application/openmetrics-text", "text/plain")
LONGEST_LINE = 8_000
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[Ii]nf(?:inity)?|[Nn]a[Nn])")


class Sample(NamedTuple):
    """One value of one series. `key`: what the series is called with its labels, the same at each look. `at`: the time
    stamp as it stands there, None when it has none."""

    key: str
    name: str
    labels: Mapping[str, str]
    value: float
    at: float | None = None


def name_of(line: str) -> str:
    """The metric that a line is of; "" for comments and empty lines."""
    if not line or line[0] in "#\n\r":
        return ""
    for end, char in enumerate(line):
        if char in "{ \t\n":
            return line[:end]
    return line


def sample(line: str) -> Sample | None:
    """The sample of one line; None when it is a comment, empty, or broken."""
    line = line.strip()
    if not line or line[0] == "#" or len(line) > LONGEST_LINE:
        return None
    key, rest = _split(_without_exemplar(line))
    parts = rest.split()
    if not 1 <= len(parts) <= 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    series = _series(key)
    if series is None:
        return None
    return Sample(key, *series, float(parts[0]), float(parts[1]) if len(parts) > 1 else None)


def samples(lines: Iterable[str]) -> Iterator[Sample]:
    """Every sample there is; what is none is passed over."""
    for line in lines:
        if (found := sample(line)) is not None:
            yield found


def looks_like(text: str) -> bool:
    """Whether `text` begins as Prometheus text does: by its comments, or by lines that are all samples."""
    rows = [row for row in text[:20_000].splitlines()[:60] if row.strip()]
    if any(row.startswith(("# HELP ", "# TYPE ", "# UNIT ")) for row in rows[:5]):
        return True
    plain = [row for row in rows if not row.startswith("#")]
    whole = plain[:-1] if len(text) > 20_000 or not text.endswith("\n") else plain
    return bool(whole) and all(sample(row) for row in whole) and (len(plain) > 1 or "{" in plain[0])


def _split(line: str) -> tuple[str, str]:
    """A series and what is told of it. A label's value may hold anything, so the last brace is what ends them."""
    if (end := line.rfind("}")) >= 0:
        return line[: end + 1], line[end + 1 :]
    name, _, rest = line.replace("\t", " ").partition(" ")
    return name, rest


def _without_exemplar(line: str) -> str:
    """OpenMetrics puts ` # {trace_id="..."} 0.5` behind a value. Within quotes it is a label's value."""
    at = line.find(" # ")
    while at >= 0:
        head = line[:at]
        if (head.count('"') - head.count('\\"')) % 2 == 0:
            return head
        at = line.find(" # ", at + 1)
    return line


@lru_cache(maxsize=20_000)
def _series(key: str) -> tuple[str, Mapping[str, str]] | None:
    try:
        found = next(iter(text_string_to_metric_families(key + " 0\n"))).samples[0]
    except (ValueError, LookupError, StopIteration):
        return None
    return found.name, MappingProxyType(found.labels)
