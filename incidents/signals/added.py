"""The one place to ask for a signal: those that ship, those of manifests, and those that people added meanwhile.

What people added is kept elsewhere (`source`); here is what was last heard of it. A name once given stays known, also
when it is switched off, so that what an incident told with it can still be told; whether it is judged says `of`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, overload

from incidents.signals.base import ALWAYS, Hold, Severity, Signal, Source
from incidents.signals.declared import LEAK, LEAK_OF_A_LIMIT, LESS, MORE, OF_TIME
from incidents.signals.detectors import Above, Below, Detector
from incidents.signals.words import Spec
from systems.manifest import watched

log = logging.getLogger(__name__)

REFRESH_S = 2.0  # what was added is in force everywhere after so long
CATEGORY = "added"
T = TypeVar("T")


@dataclass(frozen=True)
class AddedSignal(Signal):
    """A signal over readings that not every system has."""

    @property
    def is_declared(self) -> bool:
        return True


@dataclass(frozen=True)
class Entry:
    """What people added under one name. `system`: the only one that it is for, "" for all. `on`: it is judged. `words`:
    what to look for, of a signal that is told by logs."""

    signal: Signal
    system: str = ""
    on: bool = True
    words: Spec | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How a reading is judged, in the words of a declared one (`systems/manifest/watched.py`)."""

    above: float | None = None
    below: float | None = None
    clear: float | None = None
    baseline: Literal["above", "below"] | None = None
    least: float | None = None
    hold: int = 2

    def detector(self) -> Detector:
        if self.above is not None:
            return Above(self.above, self.clear)
        if self.below is not None:
            return Below(self.below, self.clear)
        if self.baseline == "above":
            return replace(MORE, floor=self.least or 0.0)
        return replace(LESS, floor=math.inf)

    def in_words(self) -> str:
        if self.baseline is not None:
            return f"far {'more' if self.baseline == 'above' else 'less'} than usual"
        return f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"


def signal(
    name: str,
    metric: str,
    limits: Limits,
    *,
    klass: watched.Klass,
    title: str = "",
    part: str = "",
    label: str | None = None,
    severity: Severity = "medium",
    opens: bool = True,
    source: Source = "metric",
) -> Signal:
    """A signal over the readings called `metric`, graded as a declared one is."""
    learnt = limits.baseline is not None
    called = metric.removeprefix("own.").replace("_", " ").replace("-", " ").replace(".", " ")
    return AddedSignal(
        name,
        title or f"{called} of {{service}} ({{label}}) is {{value}}, {limits.in_words()}",
        metric,
        limits.detector(),
        CATEGORY,
        source=source,
        severity=severity if opens else "low",
        hold=Hold(3, 4.0) if learnt else Hold(limits.hold),
        leak=LEAK if learnt or not opens else LEAK_OF_A_LIMIT,
        opens=opens,
        settle=True,
        klass=klass,
        timing=ALWAYS if learnt or klass in OF_TIME else None,
        of_part=part,
        of_label=label,
    )


class Catalogue(Mapping[str, Signal]):
    """Every signal by its name. Read from any thread."""

    def __init__(self, shipped: Mapping[str, Signal]) -> None:
        self.shipped = dict(shipped)
        self.source: Callable[[], Iterable[Entry] | None] | None = None  # None: nothing changed
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._entries: tuple[Entry, ...] = ()
        self._known = self.shipped
        self._of: dict[str, dict[str, Signal]] = {}

    def __getitem__(self, name: str) -> Signal:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: object) -> bool:  # these are asked for every state of every tick
        return name in self._known

    @overload
    def get(self, name: str, /) -> Signal | None: ...
    @overload
    def get(self, name: str, default: Signal | T, /) -> Signal | T: ...
    def get(self, name: str, default: T | None = None, /) -> Signal | T | None:
        return self._known.get(name, default)

    def of(self, system: str) -> Mapping[str, Signal]:
        """What is judged of a system: the same object until that changes."""
        found = self._of.get(system)
        if found is None:
            mine = {e.signal.id: e.signal for e in self._mine(system)}
            found = self._of[system] = self.shipped | mine
        return found

    def words(self, system: str) -> tuple[Spec, ...]:
        """What is looked for in the logs of a system beside what ships."""
        return tuple(e.words for e in self._mine(system) if e.words is not None)

    def _mine(self, system: str) -> list[Entry]:
        return [e for e in self._entries if e.on and e.system in ("", system)]

    # -- what people add ---------------------------------------------------------------------------------------

    def put(self, entries: Iterable[Entry]) -> None:
        """All that people added. What ships is not replaced by it."""
        found = tuple(e for e in entries if e.signal.id not in self.shipped)
        if found != self._entries:
            self._entries = found
            self._known = {e.signal.id: e.signal for e in found} | self.shipped
            self._of = {}

    def refresh(self, *, at_once: bool = False) -> None:
        """Hear what was added since, at most every two seconds unless `at_once`. Never raises: what was known goes on.

        For whoever begins something: a tick, a step of the agent, a page. Not in the event loop."""
        source, now = self.source, time.monotonic()
        if source is None or (now - self._asked < REFRESH_S and not at_once):
            return
        if not self._lock.acquire(blocking=at_once):  # somebody is asking
            return
        try:
            self._asked = now
            if (found := source()) is not None:
                self.put(found)
        except Exception as error:  # the store is away, in whatever way
            log.warning("what people added to the signals is not known anew: %s", error)
        finally:
            self._lock.release()
