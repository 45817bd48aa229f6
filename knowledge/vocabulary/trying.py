"""What an entry would have done in the last hours: the ticks that are kept, judged again with nothing but this entry.

Ticks are kept whole for some hours (`systems/frames.py`), so what has to hold for three looks is judged as it would
have been. Of log lines only what `NOT_KEPT` says is there.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from incidents.signals.judging.engine import Change, Engine
from incidents.signals.judging.logscan import READ
from incidents.signals.judging.wordset import WordSet
from knowledge.vocabulary.spec import Reading, Spec
from systems import frames
from systems.frames import Frame
from systems.partitions import TICKS
from systems.readings import clean
from systems.services import LoadedSystem

LONGEST = TICKS.keep
LEAD_IN = timedelta(seconds=60)  # in which it is not judged: the watcher would have had to learn, too
CHUNK = timedelta(minutes=5)
SLOTS, SLOT_S = 160, 16.0  # of the plot: at most so many, and wider than any reading is apart
MOST_SERIES = 200
MOST_S = 120.0  # of work; what is left of the window then is not looked at
TOLD = 20  # times that are listed
NOT_KEPT = (
    "Of log lines that look alike, one of each second is kept, and at most its first 500 characters: a word may have "
    "been said more often than is found here."
)
Series = tuple[str, str]  # service, label
AROUND = ("unit.", "journey.ok")  # what judging rests on beside the reading itself


@dataclass
class Fired:
    """One time that it held. `end` None: it held to the end of what was looked at."""

    service: str
    label: str
    title: str
    start: datetime
    end: datetime | None = None


@dataclass
class Tried:
    """What came of it. `since`, `until`: what was looked at, None when nothing is kept of it; `series`: whose values
    `points` are, the one that held most often, in equal steps of `shown`; `read`: how many values there were."""

    since: datetime | None = None
    until: datetime | None = None
    ticks: int = 0
    read: int = 0
    fired: list[Fired] = field(default_factory=list)
    series: Series | None = None
    points: list[float | None] = field(default_factory=list)
    shown: tuple[datetime, datetime] | None = None
    cut: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def times(self) -> int:
        return len(self.fired)


def replay(
    system: LoadedSystem,
    spec: Spec,
    since: datetime,
    until: datetime,
    tell: Callable[[float], None] = lambda _: None,
) -> Tried:
    """Judge `spec` over the ticks from `since` to `until`. `tell` hears now and then which share is done."""
    assert system.id is not None
    first = frames.oldest(system.id, since - LEAD_IN)
    trial = _Trial(system, spec, since, until, since if first is None else max(since, first))
    began = time.monotonic()
    for frame in _frames(system.id, since - LEAD_IN, until, trial.wants):
        trial.take(frame)
        if trial.found.ticks % 50 == 0:
            tell(max(0.0, min(1.0, (frame.at - since) / (until - since))))
            time.sleep(0.002)  # pages wait for the same processor
            if time.monotonic() - began > MOST_S:
                trial.found.cut = True
                break
    return trial.end()


def _frames(system: int, since: datetime, until: datetime, wanted: Callable[[str], bool]) -> Iterator[Frame]:
    """A few minutes at a time: hours of ticks are more than fits in memory."""
    while since < until:
        end = min(since + CHUNK, until)
        yield from frames.between(system, since, end - timedelta(microseconds=1), wanted)
        since = end


class _Trial:
    """`shown`: from when on it is plotted."""

    def __init__(
        self, system: LoadedSystem, spec: Spec, since: datetime, until: datetime, shown: datetime
    ) -> None:
        self.spec, self.since, self.until, self.shown = spec, since, until, shown
        entry = spec.entry()
        self.signal = entry.signal
        words = (entry.words,) if entry.words is not None else ()
        self.engine = Engine(system.graph, {self.signal.id: self.signal}, words)
        self._words = WordSet(words) if words else None
        self.found = Tried()
        self._open: dict[Series, Fired] = {}
        self._span = max(until - shown, timedelta(seconds=1))
        self._slots = min(SLOTS, max(2, int(self._span.total_seconds() / SLOT_S)))
        self._values: dict[Series, list[float | None]] = defaultdict(lambda: [None] * self._slots)
        self.found.shown = (shown, shown + self._span)
        self._low = isinstance(spec, Reading) and (spec.below is not None or spec.baseline == "below")

    def wants(self, metric: str) -> bool:
        return metric == self.signal.metric or metric.startswith(AROUND) or metric == READ

    def take(self, frame: Frame) -> None:
        found = self.found
        found.since, found.until = found.since or frame.at, frame.at
        found.ticks += 1
        self._plot(frame)
        for change in self.engine.feed(frame.at, frame.readings, full=not frame.mini, starved=frame.starved):
            self._note(change, frame.at)

    def _note(self, change: Change, at: datetime) -> None:
        key = change.key
        name = (key.service, key.label)
        if change.opened:
            self._open[name] = Fired(*name, clean(self.signal.describe(key.state()), 300), at)
            self.found.fired.append(self._open[name])
        elif name in self._open:
            self._open.pop(name).end = at

    def _plot(self, frame: Frame) -> None:
        slot = int((frame.at - self.shown) / self._span * self._slots)
        for reading in frame.readings:
            if reading.metric != self.signal.metric or reading.value is None:
                continue
            series, value = (reading.service, reading.label), reading.value
            if self._words is not None:
                if self.signal.id not in self._words.of_line(reading.text or reading.label):
                    continue
                series = (reading.service, "")
            self.found.read += 1
            if 0 <= slot < self._slots and (series in self._values or len(self._values) < MOST_SERIES):
                self._values[series][slot] = self._joined(self._values[series][slot], value)

    def _joined(self, before: float | None, value: float) -> float:
        if before is None:
            return value
        if self._words is not None:
            return before + value
        return min(before, value) if self._low else max(before, value)

    def end(self) -> Tried:
        found = self.found
        found.fired = [
            f for f in found.fired if f.end is None or f.end >= self.since
        ]  # not what was over before
        counts: dict[Series, int] = defaultdict(int)
        for one in found.fired:
            counts[one.service, "" if self._words is not None else one.label] += 1
        if self._values:
            seen = {s: sum(v is not None for v in values) for s, values in self._values.items()}
            found.series = max(seen, key=lambda s: (counts.get(s, 0), seen[s]))
            found.points = self._values[found.series]
        found.notes = self._notes()
        return found

    def _notes(self) -> list[str]:
        """What has to be said of the answer for it to be honest."""
        found, notes = self.found, []
        if found.since is None:
            return [
                f"Nothing is kept of this time: ticks are kept for {LONGEST.total_seconds() / 3600:.0f} hours."
            ]
        late = found.since - (self.since - LEAD_IN)
        if late > timedelta(seconds=90):
            notes.append(f"Nothing is kept from before {found.since:%H:%M} UTC.")
        if found.cut:
            notes.append("It took too long: what came after is not looked at. Try fewer hours.")
        if self._words is not None:
            notes.append(NOT_KEPT)
        elif not found.read:
            notes.append(f"No part had a reading called {self.signal.metric} in this time.")
        elif isinstance(self.spec, Reading) and self.spec.baseline is not None:
            notes.append(
                "What is usual was learnt from the beginning of this time only; the watcher will know more."
            )
        return notes
