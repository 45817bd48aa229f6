"""Readings in, signal states out. No database, no clock of its own: time is what the ticks say.

Three things keep it quiet on a noisy machine: verdicts must hold; a series is judged against its own past; and what
follows from a restart somebody asked for, or from the watcher itself being held up, is not judged at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from incidents.signals.adaptive import Baseline, Moved
from incidents.signals.base import ALWAYS, Signal, SignalState
from incidents.signals.catalog import CATALOG
from incidents.signals.detectors import Memory, Sample
from incidents.signals.judging import logscan
from incidents.signals.judging.keys import Keys
from incidents.signals.judging.leaks import Leaks
from incidents.signals.judging.quiet import Quiet
from incidents.signals.judging.starts import SIGNAL, Starts
from incidents.signals.judging.state import Key
from incidents.signals.words import Spec
from systems.graph import SystemGraph
from systems.readings import Reading

LEARNT = (Baseline, Moved)  # kept over a restart of the watcher
STALE_S = 20.0  # not read for this long: unknown
GIVE_UP_S = 90.0  # an open symptom that cannot be looked at is closed after this
FORGOTTEN_S = 600.0  # what has no open symptom is forgotten after this


@dataclass(slots=True)
class Change:
    """A signal became true, stopped being true, or became unknown for good (`gave_up`)."""

    key: Key
    opened: bool
    gave_up: bool = False


class Engine:
    """The signal states of one system. `catalog`: what is judged, by default all that ships; `words`: what is looked
    for in logs beside what ships."""

    def __init__(
        self, graph: SystemGraph, catalog: Mapping[str, Signal] | None = None, words: Sequence[Spec] = ()
    ) -> None:
        self.catalog = CATALOG.shipped if catalog is None else catalog
        self.keys = Keys(len(graph.kinds))
        self.quiet = Quiet(graph)
        self.leaks = Leaks()
        self.latest: dict[str, dict[tuple[str, str], float | None]] = defaultdict(dict)  # by metric
        self._scanner = logscan.Scanner(self.catalog, self.keys, self.quiet, words)
        self._starts = Starts(self.keys, self.quiet, self.catalog.get(SIGNAL))
        self._signals_of = lru_cache(maxsize=4096)(self._find_signals)
        self._sort()

    def _sort(self) -> None:
        self._of_a_run = [s.id for s in self.catalog.values() if s.of_a_run]
        self._negatives = [s for s in self.catalog.values() if s.negative_from]
        self._of_negatives = {m for s in self._negatives for m in (s.metric, s.negative_from)}

    @property
    def graph(self) -> SystemGraph:
        return self.quiet.graph

    # -- feeding -----------------------------------------------------------------------------------------------

    def feed(
        self, at: datetime, readings: Sequence[Reading], *, full: bool = True, starved: bool = False
    ) -> list[Change]:
        """Take in one tick (`full=False`: the readings of one unit only; `starved`: the watcher had too little of the
        machine to judge by the clock). Returns what opened and what cleared."""
        now = at.timestamp()
        for reading in readings:
            self.latest[reading.metric][reading.service, reading.label] = reading.value
        self._forget_runs(self.quiet.note(readings, now, full=full, starved=starved))
        touched: list[Key] = []
        for reading in readings:
            touched += self._take(reading, now)
        touched += self._take_absent(readings, now)
        touched += self._scanner.take(readings, now)
        touched += self._starts.take(readings, now)
        self._promote(touched, now)
        if full:
            touched += self._expire(now)
            self.quiet.settle(self.latest["journey.ok"].values(), now)
        changes = self._changes(touched, now)
        if full:
            self.quiet.ill = frozenset(
                k.signal.id for k in self.keys if k.active and k.signal.opens and k.signal.klass != "words"
            )
            self.leaks.note(self.keys, self.graph, now, blind=self.quiet.is_blind)
        return changes

    def _take(self, reading: Reading, now: float) -> list[Key]:
        external = self.graph.kinds.get(reading.service) == "external"
        signals = self._signals_of(reading.metric, external)
        if not signals:
            return []
        return [
            self._judge(s, self._key(s, reading, now), reading.value, reading.text, now)
            for s in signals
            if s.of_part in ("", reading.service) and s.of_label in (None, reading.label)
        ]

    def _find_signals(self, metric: str, external: bool) -> tuple[Signal, ...]:
        if metric == "http.ok" and external:
            metric = "external.ok"  # whoever runs it, it is not us: one signal says all there is to say
        if metric.startswith("log.template"):
            return ()
        return tuple(s for s in self.catalog.values() if s.source != "check" and s.matches(metric))

    def _key(self, signal: Signal, reading: Reading, now: float) -> Key:
        label = reading.label
        if signal.metric.endswith("*"):
            label = reading.metric[len(signal.metric) - 1 :].removeprefix("key.").removeprefix("client.")
        return self.keys.made(signal, reading.service, label, now)

    def _judge(self, signal: Signal, key: Key, value: float | None, text: str, now: float) -> Key:
        """One observation of one key."""
        if self.quiet.starved and signal.timing == ALWAYS:
            return key.unsure(now)
        held_up = self.quiet.held_up and signal.soft and logscan.matches(signal.soft, text)
        verdict = None if held_up else signal.detector.judge(key.memory, self._sample(key, value, text, now))
        if verdict and self.quiet.starved and signal.is_timing(text):
            return key.unsure(now)
        if verdict and not key.active and signal.settle and self.quiet.muted(key.service, now):
            verdict, key.streak = None, 0.0
        key.observe(verdict, value, text, now)
        return key

    def _sample(self, key: Key, value: float | None, text: str, now: float) -> Sample:
        sample = self.quiet.sample(key, value, text, now)
        if peer := getattr(key.signal.detector, "peer", ""):
            all_ = self.latest[
                peer
            ].items()  # a label names one thing, whoever reads it; without one it is our own
            found = [
                v for (service, label), v in all_ if label == key.label and (label or service == key.service)
            ]
            sample.peers = {peer: found[-1]} if found else {}
        return sample

    def _forget_runs(self, services: Iterable[str]) -> None:
        """The crashes of the run before, and what it said, say nothing of this one."""
        for service in services:
            for signal in self._of_a_run:
                for key in self.keys.of(signal, service):
                    key.memory.history.clear()

    def _take_absent(self, readings: Sequence[Reading], now: float) -> list[Key]:
        """Labels that were not there although their source was read are zero."""
        mine = [r for r in readings if r.metric in self._of_negatives]
        read = {(r.service, r.metric) for r in mine if r.value is not None}
        present = {(r.service, r.metric, r.label) for r in mine}
        touched = []
        for signal in self._negatives:
            for service in {s for s, metric in read if metric == signal.negative_from}:
                known = [k for k in self.keys.of(signal.id, service) if k.label]
                absent = [k for k in known if (service, signal.metric, k.label) not in present]
                if not known and (service, signal.metric, "") not in present:
                    absent = [self.keys.made(signal, service, "", now)]
                touched += [self._judge(signal, key, 0.0, "", now) for key in absent]
        return touched

    # -- what follows ------------------------------------------------------------------------------------------

    def _promote(self, touched: list[Key], now: float) -> None:
        """Different journeys failing at once need not each fail twice; of those that are only slow it takes more."""
        for signal in {k.signal.id: k.signal for k in touched if k.signal.quorum and k.streak}.values():
            failing = [
                k
                for k in self.keys
                if k.signal is signal and (k.pending(now) or (k.value is True and now - k.read_at < 5))
            ]
            slow = [
                k
                for k in self.keys
                if k.signal is signal and k.streak >= 2 * signal.soft_weight and now - k.read_at < 6
            ]
            believed = failing if len(failing) >= signal.quorum else []
            believed = believed + slow if len(slow) > signal.quorum else believed
            for key in believed:
                key.promote(now)
                touched.append(key)

    def _expire(self, now: float) -> list[Key]:
        stale = [k for k in self.keys if now - k.read_at > STALE_S]
        for key in stale:
            key.forget(now)
            if self.quiet.starved and key.active and key.signal.id in self.catalog:
                key.read_at = now  # it is not given up for what the watcher cannot do
        for key in [k for k in stale if not k.active and now - k.read_at > FORGOTTEN_S]:
            self.keys.drop(key)
        return stale

    def _changes(self, touched: Iterable[Key], now: float) -> list[Change]:
        changes = []
        for key in {id(k): k for k in touched}.values():
            if not key.signal.noted:
                continue
            if key.value is True and not key.active:
                key.active = True
                changes.append(Change(key, opened=True))
            elif key.active and key.value is False:
                key.active = False
                changes.append(Change(key, opened=False))
            elif key.active and key.value is None and now - key.read_at > GIVE_UP_S:
                key.active = False
                changes.append(Change(key, opened=False, gave_up=True))
        return changes

    # -- state -------------------------------------------------------------------------------------------------

    def states(self) -> list[SignalState]:
        """Every signal that was ever judged, with its present value."""
        return [key.state() for key in self.keys]

    def use(self, graph: SystemGraph) -> None:
        """Go on with a newly loaded manifest: which signals a service feeds is looked up anew."""
        self._signals_of.cache_clear()
        self.quiet.use(graph)
        self.keys.resize(len(graph.kinds))

    def learn(self, catalog: Mapping[str, Signal], words: Sequence[Spec], at: datetime) -> None:
        """Go on with other signals. What is judged otherwise now is judged afresh, and what is judged no more is given
        up at the next whole tick."""
        self.catalog = catalog
        self._signals_of.cache_clear()
        self._scanner.use(catalog, words)
        self._sort()
        now = at.timestamp()
        for key in self.keys:
            found = catalog.get(key.signal.id)
            if found is None:
                key.read_at = now - FORGOTTEN_S - 1
                continue
            before, key.signal = key.signal, found
            if found != before:
                key.memory = Memory()
                key.unsure(now)
                key.forget(now)

    def restore(
        self, signal: str, service: str, label: str, since: datetime, value: float | None, text: str
    ) -> bool:
        """Take over an open symptom from before a restart of the watcher. False: no such signal any more."""
        found = self.catalog.get(signal)
        if found is None or service not in self.graph.kinds:
            return False
        now = datetime.now(UTC).timestamp()
        key = self.keys.made(found, service, label, now)
        key.value, key.active, key.since = True, True, since.timestamp()
        key.reading_value, key.text, key.memory.verdict = value, text, True
        return True

    def export_baselines(self) -> list[list[Any]]:
        """What is normal, as JSON: [[signal, service, label, [values]]]; without a service the counts of `Leaks`."""
        return self.leaks.rows() + [
            [k.signal.id, k.service, k.label, [round(v, 3) for _, v in list(k.memory.history)[-60:]]]
            for k in self.keys
            if isinstance(k.signal.detector, LEARNT) and k.memory.history
        ]

    def import_baselines(self, rows: Iterable[list[Any]], at: datetime) -> None:
        """Take over what was normal before a restart of the watcher."""
        now = at.timestamp()
        for signal, service, label, values in rows:
            found = self.catalog.get(signal)
            if not service:
                self.leaks.add(signal, float(values[0]), float(values[1]))
            elif found is not None and isinstance(found.detector, LEARNT) and service in self.graph.kinds:
                memory = self.keys.made(found, service, label, now).memory
                memory.history.extend((now, float(value)) for value in values)
