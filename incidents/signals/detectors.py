"""Detectors: each turns one reading, with the memory of those before it, into a verdict: true, false or unknown.

A detector is a frozen description; what it remembers per (signal, service, label) is in a Memory. Whether a verdict
has held long enough to count is the engine's business.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

Verdict = bool | None


@dataclass(slots=True)
class Sample:
    """One reading as a detector sees it. `at`: seconds on a steady clock; `fresh`: its label or service is new to a
    system that had already settled, so the absence of history means zero; `uptime`: of its service, None unknown;
    `ill`: whether another signal, more than words, holds anywhere in the system."""

    at: float
    value: float | None
    text: str = ""
    fresh: bool = False
    uptime: float | None = None
    peers: dict[str, float | None] = field(default_factory=dict)
    ill: bool = False


@dataclass(slots=True)
class Memory:
    """What one detector remembers of one series."""

    history: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=400))
    verdict: Verdict = None
    last: float | None = None
    note: str = ""
    shown: float | None = None
    level: float = 0.0
    known: set[str] = field(default_factory=set)


class Detector(Protocol):
    def judge(self, memory: Memory, sample: Sample) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Above:
    """True above `limit`; once true, until it is at or below `clear` (default: `limit`)."""

    limit: float
    clear: float | None = None

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        floor = self.limit if self.clear is None or not memory.verdict else self.clear
        return sample.value > floor


@dataclass(frozen=True, slots=True)
class Below:
    """True below `limit`; once true, until it is at or above `clear` (default: `limit`)."""

    limit: float
    clear: float | None = None

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        return sample.value < (self.limit if self.clear is None or not memory.verdict else self.clear)


@dataclass(frozen=True, slots=True)
class Equals:
    value: float

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        return None if sample.value is None else sample.value == self.value


@dataclass(frozen=True, slots=True)
class Off:
    """True when the value is more than `by` away from 0, in either direction."""

    by: float

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        return None if sample.value is None else abs(sample.value) > self.by


@dataclass(frozen=True, slots=True)
class Failing:
    """True when an ok-reading is 0 and its text matches `pattern` (and not `but`); unknown when it is `unsure`."""

    pattern: str = ""
    but: str = ""
    unsure: str = ""

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None or (self.unsure and re.search(self.unsure, sample.text, re.I)):
            return None
        if sample.value >= 1 or (self.but and re.search(self.but, sample.text, re.I)):
            return False
        return not self.pattern or re.search(self.pattern, sample.text, re.I) is not None


@dataclass(frozen=True, slots=True)
class PathDown:
    """The way is cut, and not its end: what is asked through it fails while `direct`, asked past it, answers."""

    peer: str  # the reading of the direct way, with the same label

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        return sample.value < 1 and sample.peers.get(self.peer) != 0


@dataclass(frozen=True, slots=True)
class Matches:
    """True when the reading's text matches."""

    pattern: str

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        return None if sample.value is None else re.search(self.pattern, sample.text, re.I) is not None


@dataclass(frozen=True, slots=True)
class Often:
    """True when the value was above `limit` at least `times` within `window_s`."""

    limit: float
    times: int
    window_s: float

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        if sample.value > self.limit:
            memory.history.append((sample.at, sample.value))
        while memory.history and sample.at - memory.history[0][0] > self.window_s:
            memory.history.popleft()
        return len(memory.history) >= self.times


@dataclass(frozen=True, slots=True)
class Rising:
    """A counter that rose by at least `by` within `window_s`. A counter that went back starts over. `spread`: what
    came in a gap between two readings counts for the part of it that lies within the window; without it, as a whole."""

    by: float
    window_s: float
    spread: bool = False

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        past = memory.history
        if past and sample.value < past[-1][1]:
            past.clear()
        past.append((sample.at, sample.value))
        while len(past) > 1 and sample.at - past[1][0] >= self.window_s:
            past.popleft()
        rise = sample.value - (self._at_start(past, sample.at) if self.spread else past[0][1])
        memory.shown = rise
        return rise >= self.by

    def _at_start(self, past: Sequence[tuple[float, float]], now: float) -> float:
        """What the counter stood at when the window began, on a straight line between the two readings around it."""
        (was_at, was), (at, value) = past[0], past[min(1, len(past) - 1)]
        share = (now - self.window_s - was_at) / (at - was_at) if at > was_at else 0.0
        return was + (value - was) * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class Repeating:
    """A counter that rose by at least `times` within `window_s`, and within the last `recent_s`: it goes on. A counter
    that went back starts over."""

    times: float
    window_s: float
    recent_s: float

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        over = Rising(self.times, self.window_s).judge(memory, sample)
        last = next((at for at, value in memory.history if value == memory.history[-1][1]), sample.at)
        return over and (sample.at - last <= self.recent_s)


@dataclass(frozen=True, slots=True)
class Longer:
    """Beyond `floor`, and `factor` times the reading `peer` with the same label: unknown for as long as that is."""

    peer: str
    factor: float
    floor: float

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        if sample.value <= self.floor:
            return False
        usual = sample.peers.get(self.peer)
        return None if usual is None else sample.value > self.factor * usual


@dataclass(frozen=True, slots=True)
class While:
    """Above `limit` while the reading `peer` with the same label is at least `least`; once true, until it is at or
    below `clear`. Unknown for as long as that is not read."""

    peer: str
    least: float
    limit: float
    clear: float

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        if sample.value <= (self.clear if memory.verdict else self.limit):
            return False
        beside = sample.peers.get(self.peer)
        return None if beside is None else beside >= self.least


@dataclass(frozen=True, slots=True)
class UncleanExit:
    """The last exit was an error or a crash, not a stop somebody asked for."""

    polite: tuple[int, ...] = (0, -15, 143, -2, 130, -1, 129)

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        code = int(sample.value)
        if code in self.polite:
            return False
        # A unit that was told to stop may have needed the hard way: that is no crash.
        return sample.peers.get("unit.wanted_down") != 1


@dataclass(frozen=True, slots=True)
class LogMatch:
    """At least `times` log lines in `window_s` match (which ones: words.yaml). The engine feeds matching lines and,
    when the log was read and nothing matched, a count of 0: only then may this be false."""

    times: int = 1
    window_s: float = 8.0

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        if sample.value > 0:
            memory.history.append((sample.at, sample.value))
        while memory.history and sample.at - memory.history[0][0] > self.window_s:
            memory.history.popleft()
        count = sum(value for _, value in memory.history)
        memory.shown = count
        return count >= self.times


@dataclass(frozen=True, slots=True)
class NewError:
    """Errors of a kind (the exception's name) never logged by this service before."""

    pattern: str = r"\b([A-Z][A-Za-z0-9_]{3,60}(?:Error|Exception|Conflict|Timeout|Refused|Denied|Failure))\b"
    times: int = 2
    window_s: float = 10.0

    def kind(self, text: str) -> str:
        found: list[str] = re.findall(self.pattern, text)
        return found[-1] if found else ""

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        return LogMatch(self.times, self.window_s).judge(memory, sample)
