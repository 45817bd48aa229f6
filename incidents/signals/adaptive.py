"""Detectors that judge a series against its own past, so that a noisy machine does not raise false alarms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from incidents.signals.detectors import Memory, Sample, Verdict


@dataclass(frozen=True, slots=True)
class Slope:
    """Steady growth: over `window_s` at least `per_s` and `least` in all, in each third of the window.

    A jump to a new level, or a saw tooth, is not growth. Judged from `min_uptime_s` on, because starting grows too.
    """

    per_s: float
    window_s: float
    least: float
    above: float = 0.0
    min_uptime_s: float = 0.0
    share: float = 0.0

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        past = memory.history
        if sample.uptime is not None and (sample.uptime < self.min_uptime_s or not sample.uptime):
            past.clear()
            return False
        past.append((sample.at, sample.value))
        while past and sample.at - past[0][0] > self.window_s:
            past.popleft()
        if len(past) < 6 or sample.at - past[0][0] < self.window_s * 0.8:
            return False
        thirds = _thirds(list(past))
        grown = thirds[2] - thirds[0]
        steady = all(b - a >= 0.25 * grown for a, b in pairwise(thirds))
        rate = grown / (self.window_s * 2 / 3)
        memory.shown = rate
        enough = grown >= max(self.least, self.share * thirds[0])
        return sample.value > self.above and enough and steady and rate >= self.per_s


def _thirds(past: list[tuple[float, float]]) -> list[float]:
    start, span = past[0][0], past[-1][0] - past[0][0]
    means = []
    for index in range(3):
        low, high = start + span * index / 3, start + span * (index + 1) / 3
        values = [v for at, v in past if low <= at <= high]
        means.append(sum(values) / len(values) if values else past[0][1])
    return means


@dataclass(frozen=True, slots=True)
class Baseline:
    """Unusual for this very series: beyond `factor` times its recent median and `sigmas` robust deviations, and
    beyond the absolute `floor`. With `below` the other way round.

    The baseline learns only from values that are not unusual, so that trouble does not become normal. A series with
    fewer than `learn` values is never unusual, unless it is new to a settled system: then its past is taken as 0.
    """

    factor: float
    floor: float
    learn: int = 15
    sigmas: float = 6.0
    below: bool = False
    zero_is_idle: bool = False  # a duration of 0 means that nothing was measured, not that all was fast

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None or (self.zero_is_idle and sample.value == 0):
            return None
        past = memory.history
        if sample.fresh and not past and not self.below:
            unusual = sample.value > self.floor
            memory.note = "new"
        elif len(past) < self.learn and memory.note != "new":
            unusual = False
        else:
            unusual = self._unusual(past, sample.value)
        if not unusual:
            past.append((sample.at, sample.value))
            while len(past) > 180:
                past.popleft()
        return unusual

    def _unusual(self, history: Iterable[tuple[float, float]], value: float) -> bool:
        if value >= self.floor if self.below else value <= self.floor:
            return False  # whatever is usual, and without sorting it
        past = [v for _, v in history]
        middle = median(past) if past else 0.0
        spread = 1.4826 * median([abs(v - middle) for v in past]) if past else 0.0
        if self.below:
            return value < middle / self.factor and value < middle - self.sigmas * spread
        return value > middle * self.factor and value > middle + self.sigmas * spread


@dataclass(frozen=True, slots=True)
class Busy:
    """A value above `limit`; or for all of `window_s` above `low` and above `factor` times what it usually is.

    The second is for machines where others want the processor too: a runaway then gets a share of it only."""

    limit: float
    low: float
    window_s: float
    factor: float = 4.0

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        past = memory.history
        if sample.value <= self.low or (past and sample.value <= self.factor * median([v for _, v in past])):
            past.append((sample.at, sample.value))
            while len(past) > 120:
                past.popleft()
            memory.last = None
            return False
        memory.last = sample.at if memory.last is None else memory.last
        return sample.value > self.limit or sample.at - memory.last >= self.window_s


@dataclass(frozen=True, slots=True)
class Dropped:
    """A count that is lower than it has ever been of late: some of what was there is gone. What came and goes again
    within `memory_s` is no loss, and what has been gone for `adopt_s` is how it is now."""

    by: float = 1
    learn: int = 3
    memory_s: float = 900.0
    adopt_s: float = 3600.0

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        past = memory.history
        least = min(v for _, v in past) if len(past) >= self.learn else None
        gone = least is not None and sample.value <= least - self.by
        memory.last = (sample.at if memory.last is None else memory.last) if gone else None
        if memory.last is not None and sample.at - memory.last >= self.adopt_s:
            past.clear()
            memory.last, gone = None, False
        if not gone:
            past.append((sample.at, sample.value))
            while sample.at - past[0][0] > self.memory_s and len(past) > self.learn:
                past.popleft()
        return gone


@dataclass(frozen=True, slots=True)
class Missed:
    """Something is gone, as `dropped` says, and since then somebody fails for want of it: the rate `peer` of what fails
    is well above all that it was of late. While that rate is not read nobody knows."""

    peer: str
    dropped: Dropped
    least: float = 0.1  # each second, above twice what it was
    pace: float = 0.2  # weight of the newest look
    forget: float = 0.997  # of the highest rate, each look

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        gone = self.dropped.judge(memory, sample)
        rate = sample.peers.get(self.peer)
        if not gone or rate is None:
            memory.shown = None
            if gone is False and rate is not None:
                memory.level = max(rate, memory.level * self.forget)
            return None if gone else gone
        memory.shown = (1 - self.pace) * (memory.shown or 0.0) + self.pace * rate
        return memory.shown > 2 * memory.level + self.least


@dataclass(frozen=True, slots=True)
class Moved:
    """A setting that is not what it steadily was: `learn` readings alike, of any time, also before a restart of the
    watcher. Whatever it has been for `adopt_s` since is what it is now."""

    learn: int = 15
    adopt_s: float = 3600.0

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            return None
        past, value = memory.history, round(sample.value, 3)
        if past and value != past[-1][1] and len(past) >= self.learn:
            memory.last = sample.at if memory.last is None else memory.last
            if sample.at - memory.last < self.adopt_s:
                return True
            past.clear()
        elif past and value != past[-1][1]:
            past.clear()
        memory.last = None
        if len(past) < self.learn:
            past.append((sample.at, value))
        return False


ILL = "ill"


@dataclass(frozen=True, slots=True)
class Dried:
    """Nothing comes any more where something steadily came: for `times` as long as it ever took between two of the last
    `memory_s`, and for `least_s`. Of fewer than `learn` pauses, or of less than `span_s` of them, nobody knows what is
    usual: work may come in bursts. After how long a silence it came back is remembered for about a day (`forget`, each
    look): whoever works once an hour is reported once. A while that was not read is no pause, and one in which more
    was wrong says nothing of what is usual."""

    times: float = 3.0
    least_s: float = 10.0
    learn: int = 20
    span_s: float = 60.0
    memory_s: float = 900.0
    forget: float = 0.99998

    def judge(self, memory: Memory, sample: Sample) -> Verdict:
        if sample.value is None:
            memory.last = None
            return None
        since = None if memory.last is None else sample.at - memory.last
        past, memory.level = memory.history, memory.level * self.forget
        while past and sample.at - past[0][0] > self.memory_s:
            past.popleft()
        if sample.ill:
            memory.note = ILL
        if sample.value > 0:
            if since is not None and memory.note != ILL:
                if memory.verdict:
                    memory.level = max(memory.level, since)
                else:
                    past.append((sample.at, since))
            memory.last, memory.shown, memory.note = sample.at, 0.0, ""
            return False
        if since is None:
            memory.last, since = sample.at, 0.0
        memory.shown = since
        if len(past) < self.learn or past[-1][0] - past[0][0] < self.span_s:
            return bool(memory.verdict)
        longest = max(memory.level, *(pause for _, pause in past))
        return since >= max(self.least_s, self.times * longest)
