"""Looks for the log signals in a tick's log lines: each distinct text is searched once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from incidents.signals.base import ALWAYS, ERROR, Signal
from incidents.signals.detectors import LogMatch, NewError
from incidents.signals.judging.keys import Keys
from incidents.signals.judging.quiet import Quiet
from incidents.signals.judging.state import Key
from incidents.signals.judging.wordset import WordSet, wordset
from incidents.signals.words import Spec
from systems.logs.reading import rank_of
from systems.readings import Reading

READ = "log.lines_rate"  # its value says whether the log could be read at all
GIVEN_UP = "unit_fatal"
START_S = 30.0  # what was said in a start counts for so long as said of it
LEARN_S = 60.0  # error kinds seen in the first minute are not new


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text) is not None


def gravest(one: str, other: str) -> str:
    """Of two lines the one at the higher level; the newer one (`other`) where they are equal."""
    return other if not one or (other and rank_of(other) >= rank_of(one)) else one


class Scanner:
    """The log signals of a catalogue, as keys among the others of a system."""

    def __init__(
        self, catalog: Mapping[str, Signal], keys: Keys, quiet: Quiet, words: Sequence[Spec] = ()
    ) -> None:
        self._keys, self._quiet = keys, quiet
        self.use(catalog, words)
        self._known: dict[str, set[str]] = defaultdict(set)
        self._first: dict[str, float] = {}
        self._starts: dict[tuple[str, str], tuple[float, float, str]] = {}

    def use(self, catalog: Mapping[str, Signal], words: Sequence[Spec]) -> None:
        """Look for these, and for `words` beside what ships."""
        self.signals = [(s, s.detector) for s in catalog.values() if isinstance(s.detector, LogMatch)]
        self.newness = [(s, s.detector) for s in catalog.values() if isinstance(s.detector, NewError)]
        more = WordSet(words) if words else None  # apart: whatever people type, what ships is found

        @lru_cache(maxsize=8192)
        def hits(text: str) -> tuple[str, ...]:
            return wordset().of_line(text) + (more.of_line(text) if more is not None else ())

        self.hits = hits

    def take(self, readings: Sequence[Reading], now: float) -> list[Key]:
        """Feed every log signal of every service whose log was read, or could not be."""
        read = {r.service: r.value is not None for r in readings if r.metric == READ}
        lines: dict[str, list[Reading]] = defaultdict(list)
        for reading in readings:
            if reading.metric == "log.template" and reading.value:
                lines[reading.service].append(reading)
        touched: list[Key] = []
        for service in read.keys() | lines.keys():
            readable = read.get(service, True)
            touched += self._scan(service, lines[service], readable, now)
            touched += self._scan_new(service, lines[service], readable, now)
        return touched

    def _scan(self, service: str, lines: list[Reading], readable: bool, now: float) -> list[Key]:
        counts: dict[str, float] = defaultdict(float)
        samples: dict[str, str] = {}
        for line in lines:
            text = line.text or line.label
            for name in self.hits(text):
                counts[name] += line.value or 0.0
                samples[name] = gravest(samples.get(name, ""), text)
        touched = []
        for signal, detector in self.signals:
            key = self._keys.made(signal, service, "", now)
            count = counts.get(signal.id, 0.0)
            said = self._of_start(key, now)
            if said is not None:
                count, samples[signal.id] = count + said[0], samples.get(signal.id) or said[1]
            if readable and not count and not self._quiet.starved and key.still(now):
                continue
            given_up = said is not None
            self._feed(key, detector, count if readable else None, samples, now, given_up=given_up)
            touched.append(key)
        return touched

    def _feed(
        self,
        key: Key,
        detector: LogMatch | NewError,
        count: float | None,
        samples: dict[str, str],
        now: float,
        *,
        given_up: bool = False,
    ) -> None:
        text = samples.get(key.signal.id, "")
        if self._quiet.starved and (key.signal.timing == ALWAYS or (count and key.signal.is_timing(text))):
            key.unsure(now)
            return
        if count and not key.active and not given_up and self._quiet.muted(key.service, now):
            self._note_start(key, count, text, now)
            count = None  # lines written while things start are not held against anybody
        sample = self._quiet.sample(key, count, "", now)
        verdict = detector.judge(key.memory, sample)
        if verdict is False and key.value is None and now - key.created < detector.window_s / 2:
            verdict = None  # read, but not yet for long enough to say "nothing there"
        kept = key.text if verdict else ""  # what was said at error level is not forgotten for a warning
        key.observe(verdict, count, gravest(kept, text) if verdict else text, now)

    def _note_start(self, key: Key, count: float, text: str, now: float) -> None:
        """What no waiting mends is kept for the case that this start comes to nothing."""
        if key.signal.outright and key.signal.outlives_restart:
            name = key.signal.id, key.service
            at, before, _ = self._starts.get(name, (now, 0.0, ""))
            self._starts[name] = (now, count + (before if now - at < START_S else 0.0), text)

    def _of_start(self, key: Key, now: float) -> tuple[float, str] | None:
        """What was said in starts that came to nothing, once it is tried no more: it is why."""
        name = key.signal.id, key.service
        if name not in self._starts or not any(k.value for k in self._keys.of(GIVEN_UP, key.service)):
            return None
        at, count, text = self._starts.pop(name)
        return (count, text) if now - at < START_S else None

    def _scan_new(self, service: str, lines: list[Reading], readable: bool, now: float) -> list[Key]:
        first = self._first.setdefault(service, now)
        known = self._known[service]
        touched = []
        for signal, detector in self.newness:
            found: dict[str, Reading] = {}
            for line in lines:
                kind = detector.kind(line.text) if rank_of(line.text) >= ERROR else ""
                if kind:
                    found.setdefault(kind, line)
            keys = {k.label: k for k in self._keys.of(signal.id, service)}
            learning = self._quiet.settled_at is None or now - first < LEARN_S
            for kind in found.keys() - keys.keys() - known:
                if learning:
                    known.add(kind)
                else:
                    keys[kind] = self._keys.made(signal, service, kind, now)
            for kind, key in keys.items():
                hit = found.get(kind)
                count = (hit.value if hit else 0.0) if readable else None
                self._feed(key, detector, count, {signal.id: hit.text} if hit else {}, now)
                touched.append(key)
            self._retire(signal.id, service, known, now)
        return touched

    def _retire(self, signal: str, service: str, known: set[str], now: float) -> None:
        """What was new ten minutes ago is known, unless it still goes on."""
        for key in self._keys.of(signal, service):
            if now - key.created > 600 and not key.active:
                known.add(key.label)
                self._keys.drop(key)
