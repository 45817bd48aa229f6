"""What the files of an incident say, as typed facts. Names are as the files give them; times are seconds since
1970 UTC.

Logs and spans are summed up while they are read, so that a large bundle costs little memory. `notes` says what was left
out, and why.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from incidents.foreign.loglines import LogBook
from incidents.foreign.spans import SpanBook

MOST_POINTS = 12_000_000
MOST_SERIES = 60_000
MOST_OF_A_KIND = 50_000  # events, states, alerts, changes
MOST_NOTES = 60


@dataclass(slots=True)
class Series:
    """One metric of one component over time. `unit` as given, "" when it was not."""

    component: str
    metric: str
    unit: str = ""
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True)
class Event:
    """Something that a platform told of an object: `subject` is "Kind/name" or a name; `last` is when it last
    happened.
    """

    subject: str
    reason: str
    message: str
    first: float | None
    last: float | None
    count: int = 1
    warning: bool = True
    namespace: str = ""


@dataclass(frozen=True)
class ObjectState:
    """How an object of a platform stands at the end: `well` False is bad, None is unknown. `says` are its own words for
    it. `leaving`: it is being taken away, so that its state matters to nobody."""

    kind: str
    name: str
    well: bool | None
    says: tuple[str, ...] = ()
    owner: str = ""
    node: str = ""
    since: float | None = None
    leaving: bool = False
    restarts: int = 0


@dataclass(frozen=True)
class Alert:
    """A rule that fires, or does not (`firing` False): of a monitor that is evaluated now (`measured`), or a message
    that was sent once."""

    name: str
    component: str
    firing: bool
    text: str
    at: float | None = None
    until: float | None = None
    measured: bool = False
    query: str = ""
    labels: tuple[str, ...] = ()  # every name in its labels: what it speaks of


@dataclass(frozen=True)
class Told:
    """A change that the bundle tells of: a deploy, commit, flag or the like. `id` is the bundle's own."""

    id: str
    kind: str
    component: str
    what: str
    words: str
    at: float
    before: str | None = None
    after: str | None = None
    actor: str = ""
    files: tuple[str, ...] = ()


@dataclass
class Facts:
    """Everything that was read."""

    series: dict[tuple[str, str], Series] = field(default_factory=dict)
    logs: LogBook = field(default_factory=LogBook)
    spans: SpanBook = field(default_factory=SpanBook)
    events: list[Event] = field(default_factory=list)
    objects: list[ObjectState] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    changes: list[Told] = field(default_factory=list)
    edges: set[tuple[str, str]] = field(default_factory=set)  # (needs, needed)
    hosts: set[tuple[str, str]] = field(default_factory=set)  # (what runs, on what)
    kinds: dict[str, str] = field(default_factory=dict)  # a name's kind where a file says it
    hints: list[float] = field(default_factory=list)  # times that a file gives for when trouble began
    workloads: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    forms: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    points: int = 0
    limited: bool = False

    def point(self, component: str, metric: str, at: float, value: float, unit: str = "") -> None:
        series = self.line(component, metric, unit)
        if series is not None and self.points < MOST_POINTS:
            series.times.append(at)
            series.values.append(value)
            self.points += 1

    def line(self, component: str, metric: str, unit: str = "") -> Series | None:
        """The series to add to; None when there are too many."""
        key = (component, metric)
        found = self.series.get(key)
        if found is None:
            if len(self.series) >= MOST_SERIES or self.points >= MOST_POINTS:
                self._limit()
                return None
            found = self.series[key] = Series(component, metric, unit)
        return found

    def _limit(self) -> None:
        if not self.limited:
            self.limited = True
            self.note(f"more than {MOST_SERIES:,} series or {MOST_POINTS:,} points: the rest was left out")

    def add(self, into: list[Any], item: Any) -> None:
        """Append to one of the lists, bounded."""
        if len(into) < MOST_OF_A_KIND:
            into.append(item)

    def edge(self, needs: str, needed: str) -> None:
        if needs and needed and needs != needed and len(self.edges) < MOST_OF_A_KIND:
            self.edges.add((needs, needed))

    def runs_on(self, what: str, host: str) -> None:
        if what and host and what != host and len(self.hosts) < MOST_OF_A_KIND:
            self.hosts.add((what, host))

    def note(self, text: str) -> None:
        if len(self.notes) < MOST_NOTES and text not in self.notes:
            self.notes.append(text)

    @property
    def size(self) -> int:
        """How much was taken in so far, of whatever kind."""
        lists = (self.events, self.objects, self.alerts, self.changes, self.edges, self.hosts, self.kinds, self.hints,
                 self.workloads)  # fmt: skip
        return self.points + self.logs.lines + self.spans.count + sum(len(found) for found in lists)

    @property
    def empty(self) -> bool:
        return not (
            self.series or self.logs.kinds or self.logs.lines or self.spans.count or self.events or self.objects
            or self.alerts or self.changes
        )  # fmt: skip
