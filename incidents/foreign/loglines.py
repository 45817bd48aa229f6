"""Log lines, summed up as they come: kinds of lines at warning or error level with their times, and how many lines
of any level each component wrote when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from systems import patterns
from systems.logs import levels
from systems.logs.reading import level_of
from systems.logs.templates import Miner
from systems.readings import clean

BUCKET_S = 10.0
MOST_KINDS = 4000
MOST_MINED = 400_000  # lines whose template is looked for; of more, only those at error level in a sample
SAMPLE = 20
TEXT = 400
# A failure that no level word announces: access logs, runtimes' own last words.
_UNSAID = patterns.compiled(
    r"panic:|unhandled exception|uncaught exception|traceback \(most|segmentation fault|out of memory|killed process"
    r"|\" 5\d\d |\bstatus[=: ]+5\d\d\b|container (?:exited|terminated) with (?:exit )?code [1-9]"
    r"|exiting with code [1-9]",
    ignore_case=True,
)


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
    """0 information, 1 warning, 2 error: by the level field where there is one, else as the text says itself."""
    found = levels.of_value(level, "", {}) if level is not None and level != "" else None
    if found is None:
        found = level_of(text[:4000])
    if found is None and _UNSAID.search(text[:600]):
        return 2
    return found.rank if found is not None else 0


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
