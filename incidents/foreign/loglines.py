"""Log lines, summed up as they come: kinds of lines at warning or error level with their times, and how many lines
of any level each component wrote when."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from systems import patterns
from systems.logrecords import rank_of
from systems.readings import clean
from systems.templates import Miner

BUCKET_S = 10.0
MOST_KINDS = 4000
MOST_MINED = 400_000  # lines whose template is looked for; of more, only those at error level in a sample
SAMPLE = 20
TEXT = 400
_LEVELS = {
    "trace": 0, "debug": 0, "info": 0, "information": 0, "informational": 0, "notice": 0, "ok": 0, "normal": 0,
    "default": 0, "verbose": 0, "stdout": 0, "i": 0, "d": 0,
    "warn": 1, "warning": 1, "w": 1,
    "error": 2, "err": 2, "severe": 2, "critical": 2, "crit": 2, "fatal": 2, "alert": 2, "emerg": 2, "emergency": 2,
    "panic": 2, "failure": 2, "e": 2, "f": 2,
}  # fmt: skip
# A failure that no level word announces: access logs, runtimes' own last words.
_UNSAID = patterns.compiled(
    r"panic:|unhandled exception|uncaught exception|traceback \(most|segmentation fault|out of memory|killed process"
    r"|\" 5\d\d |\bstatus[=: ]+5\d\d\b|container (?:exited|terminated) with (?:exit )?code [1-9]"
    r"|exiting with code [1-9]",
    ignore_case=True,
)
_SEVERITY_IN = re.compile(r"\b(?:severity|level|lvl)\W{1,3}([a-zA-Z]{3,11})")


@dataclass(slots=True)
class Kind:
    """Lines of one shape by one component. `buckets`: how many in each BUCKET_S."""

    component: str
    text: str
    rank: int
    count: int = 0
    first: float | None = None
    last: float | None = None
    buckets: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    about: frozenset[str] = frozenset()  # what else the record names: pods, workloads

    def between(self, start: float, end: float) -> int:
        return sum(n for b, n in self.buckets.items() if start <= (b + 1) * BUCKET_S and b * BUCKET_S <= end)


def rank(level: object, text: str) -> int:
    """0 information, 1 warning, 2 error: by the level field where there is one, else by the text."""
    if isinstance(level, int | float) and not isinstance(level, bool):
        return _rank_of_number(float(level))
    if isinstance(level, str) and level:
        word = level.strip().lower()
        if word in _LEVELS:
            return _LEVELS[word]
        if word.isdigit():
            return _rank_of_number(float(word))
    found = rank_of(text)
    if found == 0 and (told := _SEVERITY_IN.search(text[:200])):
        return _LEVELS.get(told[1].lower(), 0)
    if found == 0 and _UNSAID.search(text[:600]):
        return 2
    return found


def _rank_of_number(level: float) -> int:
    """pino (30 info, 40 warn, 50 error), OTLP severityNumber (9 info, 13 warn, 17 error), syslog (0 to 7)."""
    if level >= 30:
        return 2 if level >= 50 else 1 if level >= 40 else 0
    if level > 7:
        return 2 if level >= 17 else 1 if level >= 13 else 0
    return 2 if level <= 3 else 1 if level == 4 else 0


class LogBook:
    """All lines. `kinds`: those at warning or above; `flow`: lines of any level per component and bucket."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[str, str], Kind] = {}
        self.flow: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.lines = 0
        self.mined = 0
        self.first: float | None = None
        self.last: float | None = None
        self.calm: list[
            tuple[float | None, str, str]
        ] = []  # the last lines at information level, for what was told
        self._miner = Miner()

    def add(
        self,
        component: str,
        at: float | None,
        text: str,
        level: object = None,
        about: frozenset[str] = frozenset(),
    ) -> None:
        self.lines += 1
        if at is not None:
            if len(self.flow) < MOST_KINDS or component in self.flow:
                self.flow[component][int(at // BUCKET_S)] += 1
            if self.last is None or at > self.last:
                self.last = at
            if self.first is None or at < self.first:
                self.first = at
        grade = rank(level, text)
        if grade == 0:
            if self.lines <= 20_000 or self.lines % 500 == 0:
                self.calm.append((at, component, clean(text, 200)))
                del self.calm[:-2000]
            return
        self.mined += 1
        weight = 1
        if self.mined > MOST_MINED:
            if self.mined % SAMPLE:
                return
            weight = SAMPLE
        self._mine(component, at, text, grade, weight, about)

    def _mine(
        self, component: str, at: float | None, text: str, grade: int, weight: int, about: frozenset[str]
    ) -> None:
        text = clean(text, TEXT)
        template, _ = self._miner.add(text)
        key = (component, template)
        kind = self.kinds.get(key)
        if kind is None:
            if len(self.kinds) >= MOST_KINDS:
                return
            kind = self.kinds[key] = Kind(component, text, grade)
        kind.count += weight
        kind.rank = max(kind.rank, grade)
        if about and len(kind.about) < 20:
            kind.about |= about
        if at is not None:
            kind.buckets[int(at // BUCKET_S)] += weight
            kind.first = at if kind.first is None else min(kind.first, at)
            kind.last = at if kind.last is None else max(kind.last, at)

    def by_component(self) -> Iterator[tuple[str, list[Kind]]]:
        found: dict[str, list[Kind]] = defaultdict(list)
        for kind in self.kinds.values():
            found[kind.component].append(kind)
        yield from found.items()
