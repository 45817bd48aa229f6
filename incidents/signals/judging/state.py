"""What the engine remembers: one Key per (signal, service, label), one Unit per service."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from incidents.signals.base import SLICED, Signal, SignalState
from incidents.signals.detectors import Memory, Verdict

UNKNOWN_AFTER = 2  # unreadable observations in a row before "false" becomes "unknown"
TEXT_LIMIT = 500


@dataclass(slots=True)
class Key:
    """One signal on one service. `value` is the evidence; `active` is whether its symptom is open, which outlives a
    while of not being able to look."""

    signal: Signal
    service: str
    label: str
    created: float
    value: Verdict = None
    active: bool = False
    reading_value: float | None = None
    text: str = ""
    since: float | None = None
    read_at: float = 0.0
    streak: float = 0.0
    held_from: float = 0.0
    dark_from: float | None = None
    good: float = 0.0
    good_from: float = 0.0
    blind: int = 0
    hard: bool = False
    doubtful: bool = False  # one sentence, or seen while the watcher had too little of the machine
    memory: Memory = field(default_factory=Memory)

    def pending(self, now: float) -> bool:
        """A failure that is no mere slowness, seen just now, not yet held long enough."""
        return self.streak > 0 and self.hard and now - self.read_at < 3.0

    def still(self, at: float) -> bool:
        """Note one more look with nothing to see, if there has been nothing for as long as is remembered; a short cut
        for the many that are always false."""
        memory = self.memory
        if self.value is not False or self.active or self.streak or not self.good or self.text:
            return False
        if memory.verdict is not False or memory.history or memory.shown != 0:
            return False
        self.blind, self.read_at = 0, at
        self.good += 1
        return True

    def observe(self, verdict: Verdict, value: float | None, text: str, at: float) -> bool:
        """Take in one verdict with hold and hysteresis. Whether `value` changed."""
        if verdict is None:
            if self.signal.dark and self.dark_from is None and re.search(self.signal.dark, text):
                self.dark_from = at
            return self._blind(at)
        self.blind, self.read_at = 0, at
        self.doubtful = self.signal.source == "log" and (self.memory.shown or 0) == 1
        self.memory.verdict = verdict
        if verdict:
            return self._bad(value, text, at)
        self.streak, self.dark_from = 0.0, None
        if not self.good:
            self.good_from = at
        self.good += 1
        clear = self.signal.clear
        if self.value is True and (self.good < clear.ticks or at - self.good_from < clear.seconds):
            return False
        self.reading_value, self.text = self._shown(value), text[:TEXT_LIMIT]
        return self._become(False, at)

    def _bad(self, value: float | None, text: str, at: float) -> bool:
        self.good = 0.0
        signal = self.signal
        self.hard = not (signal.soft and re.search(signal.soft, text, re.I))
        if not self.streak:
            self.held_from = at if self.dark_from is None else self.dark_from
        self.streak += 1.0 if self.hard else signal.soft_weight
        self.reading_value, self.text = self._shown(value), (text or self.text)[:TEXT_LIMIT]
        if self.value is True:
            return False
        if self.streak + 1e-9 < signal.hold.ticks or at - self.held_from < signal.hold.seconds:
            return False
        return self._become(True, self.held_from)

    def promote(self, at: float) -> bool:
        """A quorum of labels fails: this one is believed without waiting."""
        return self._become(True, self.held_from) if self.value is not True else False

    def unsure(self, at: float) -> Key:
        """Looked at while what was seen cannot be told from the watcher's own trouble: unknown, and no streak."""
        self.streak = self.good = 0.0
        self._blind(at)
        self.read_at, self.doubtful = at, True
        return self

    def _blind(self, at: float) -> bool:
        self.blind += 1
        if self.value is None or self.blind < UNKNOWN_AFTER:
            return False
        return self._become(None, at)

    def forget(self, at: float) -> bool:
        """Nothing has been read for long: unknown."""
        return self._become(None, at) if self.value is not None else False

    def _become(self, value: Verdict, since: float) -> bool:
        if self.value is value:
            return False
        self.value, self.since = value, since
        return True

    def _shown(self, value: float | None) -> float | None:
        return value if self.memory.shown is None else round(self.memory.shown, 2)

    def state(self) -> SignalState:
        signal = self.signal
        onset = None if self.since is None else datetime.fromtimestamp(self.since, UTC)
        return SignalState(
            signal.id,
            self.service,
            self.label,
            None
            if self.value is False and self.streak
            else self.value,  # bad just now: not for long, but not well
            self.reading_value,
            self.text,
            onset,
            signal.source,
            datetime.fromtimestamp(self.read_at, UTC) if self.read_at else None,
            "unsure" if self.doubtful else "sure",
            signal.author,
            self.label if signal.author in SLICED else "",
        )


@dataclass(slots=True)
class Unit:
    """What is known of a service's process: whether its present run, or its stop, was asked for."""

    up: bool | None = None
    state: str = ""
    uptime: float | None = None
    restarts: float | None = None
    wanted: bool = True
    changed_at: float = -1e9
    seen_at: float = 0.0

    def update(
        self, up: float | None, state: str, uptime: float | None, restarts: float | None, at: float
    ) -> bool:
        """Take in the unit.* readings of one tick. Whether the unit was just stopped or started on request."""
        if up is None:
            return False
        first = self.up is None
        crashed = self.restarts is not None and restarts is not None and restarts > self.restarts
        # A new run is younger than the last look at the old one; an old reading that comes late is not.
        since, self.seen_at = at - self.seen_at, at
        younger = uptime is not None and self.uptime is not None and uptime + 0.5 < self.uptime
        newer = younger and (uptime or 0.0) < since + 1.5
        stopped = state in ("STOPPING", "STOPPED") and self.state not in ("STOPPING", "STOPPED")
        started = bool(up) and (self.up is False or newer)
        revived = self.state == "FATAL" and state in ("STARTING", "RUNNING")  # it does not do that by itself
        reset = self.restarts is not None and restarts is not None and restarts < self.restarts
        self.up, self.state = bool(up), state
        self.restarts = restarts if restarts is not None else self.restarts
        self.uptime = uptime if up else None
        if first:
            self.wanted = state in ("STOPPED", "STOPPING") or bool(up)
            return False
        if crashed or state in ("BACKOFF", "FATAL"):
            self.wanted = False
        elif stopped or revived or reset or (started and (newer or self.wanted)):
            self.wanted, self.changed_at = True, at
            return True
        return False
