"""Harmless changes around one fault, or in quiet: what else happens in a system on any day."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chaos import injector
from chaos.alterations import Touched
from chaos.decoys.base import Decoy
from chaos.decoys.registry import DECOYS
from chaos.gameday import BY
from chaos.journal import Journal
from chaos.site import Site

log = logging.getLogger(__name__)

BEFORE_S = (30.0, 60.0)
BESIDE_S = 2.0
AFTER_S = (3.0, 9.0)
LASTS_S = 900.0  # then the keeper takes it back, whatever became of the game day
TOLD = 0.15  # of all changes are told by CI/CD
MAKING_S = 15.0  # that making one may take
IN_QUIET_S = (45.0, 90.0)  # how long one is left in


@dataclass(frozen=True)
class Made:
    """A harmless change that was made. `when`: before, beside, after, or quiet. `entry`: of the journal, "" for what
    leaves nothing to put back."""

    id: str
    when: str
    at: datetime
    touched: list[Touched]
    entry: str = ""

    def as_json(self) -> dict[str, Any]:
        touched = [t.as_json() for t in self.touched]
        return {"id": self.id, "when": self.when, "at": self.at.isoformat(), "touched": touched}


Tell = Callable[[random.Random], Touched]  # as CI/CD would, of something that did happen and does no harm


@dataclass
class Amid:
    """Changes drawn from a seed, for one fault or for quiet minutes. `parts`: those that are being broken: half of the
    changes are made there, where there are such, but for those that would mend something."""

    site: Site
    journal: Journal
    seed: str
    parts: Collection[str] = ()
    tell: Tell | None = None
    made: list[Made] = field(default_factory=list)
    _timers: list[threading.Timer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._left = self._drawn()
        self._lock = threading.Lock()
        self._beside = self._random.uniform(-BESIDE_S, BESIDE_S)

    def _drawn(self) -> Iterator[tuple[Decoy, int]]:
        """Every kind once, in the order of the seed; then once more."""
        driver = self.site.facts["driver"]
        kinds = [d for d in DECOYS.values() if driver in d.drivers]
        while True:
            self._random.shuffle(kinds)
            for kind in kinds:
                here = None if kind.apart else kind.seed_for(self.parts)
                wanted = self._random.random() < 0.5
                chosen = here if here is not None and wanted else self._random.randrange(len(kind.places))
                if not (kind.apart and kind.places[chosen][0] in self.parts):
                    yield kind, chosen

    # -- around a fault ------------------------------------------------------------------------------------------

    def lead(self) -> None:
        """What comes before the fault; returns when it is time for the fault."""
        self.make("before")
        time.sleep(self._random.uniform(*BEFORE_S))
        if self._beside < 0:
            self.make("beside")
            time.sleep(-self._beside)

    def follow(self) -> None:
        """The fault is in: what comes beside and after it comes by itself."""
        if self._beside >= 0:
            self._later(self._beside, "beside")
        for _ in range(self._random.choice((1, 1, 2))):
            self._later(self._random.uniform(*AFTER_S), "after")

    def _later(self, seconds: float, place: str) -> None:
        timer = threading.Timer(seconds, self.make, (place,))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    # -- in quiet ------------------------------------------------------------------------------------------------

    def spread(self, number: int, seconds: float) -> None:
        """`number` changes over that time, each put back after a while; returns when the time is over."""
        began = time.monotonic()
        for count in range(number):
            due = began + seconds * (count + self._random.random()) / number
            time.sleep(max(0.0, due - time.monotonic()))
            if (made := self.make("quiet")) is not None and made.entry:
                lasts = self._random.uniform(*IN_QUIET_S)
                timer = threading.Timer(lasts, injector.revert, (self.journal, made.entry, BY))
                timer.daemon = True
                timer.start()
        time.sleep(max(0.0, began + seconds - time.monotonic()))

    # -- one -----------------------------------------------------------------------------------------------------

    def make(self, place: str) -> Made | None:
        """Make the next one; where one cannot be made just now, the one after it."""
        with self._lock:
            if self.tell is not None and self._random.random() < TOLD:
                self.made.append(Made("reported", place, datetime.now(UTC), [self.tell(self._random)]))
                return self.made[-1]
            for _ in range(len(DECOYS)):
                decoy, seed = next(self._left)
                if (made := self._try(decoy, seed, place)) is not None:
                    self.made.append(made)
                    return made
        return None

    def _try(self, decoy: Decoy, seed: int, place: str) -> Made | None:
        entry_id = str(uuid.uuid4())
        try:
            entry = injector.arm(self.journal, self.site, decoy.id, {"seed": seed}, LASTS_S, entry_id)
            at = datetime.now(UTC)
            injector.inject(self.journal, entry_id)
        except Exception as error:  # the system is being broken: one that cannot be made is no loss
            log.info("no harmless change %s: %s", decoy.id, error)
            return None
        return Made(decoy.id, place, at, decoy.touched(entry.undo), entry_id)

    def settle(self) -> None:
        """Wait until what comes after the fault has come."""
        for timer in self._timers:
            timer.join(AFTER_S[1] + MAKING_S)

    def end(self) -> None:
        """Put all of them back, the last first; what cannot be is the keeper's."""
        for timer in self._timers:
            timer.cancel()
            timer.join(MAKING_S)
        for made in [m for m in reversed(self.made) if m.entry]:
            try:
                injector.revert(self.journal, made.entry, BY)
            except Exception as error:
                log.warning("the keeper puts back %s: %s", made.id, error)
                self.journal.hand_over(made.entry, BY)


def told(made: Sequence[Made]) -> list[dict[str, Any]]:
    """In the order of time."""
    return [m.as_json() for m in sorted(made, key=lambda m: m.at)]
