"""Starts that come to nothing: a part that ends by itself soon after each start, until nobody starts it any more, and
what it said last. Whoever starts it once more hears the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from incidents.signals.base import ERROR, Signal
from incidents.signals.judging.keys import Keys
from incidents.signals.judging.quiet import Quiet
from incidents.signals.judging.state import Key
from systems.logs.reading import rank_of
from systems.readings import Reading

SIGNAL = "start_failed"
METRIC = "unit.start_failed"  # nobody reads it: it is told from the unit's state and the log
AGAIN = ("unit_restarting", "crash_looping")  # it is started again, and ends again
HEARD_S = 30.0  # what was said longer ago is of no start of now
LISTENED = 3  # looks for its last words; a log may be read a little later than the state
# Its own choice: a signal comes from outside, and what never began has nothing to say.
OWN_END = re.compile(r"^exit [1-9]\d*$")


class Starts:
    """Fed with every tick, after the units' own signals."""

    def __init__(self, keys: Keys, quiet: Quiet, signal: Signal | None) -> None:
        self._keys, self._quiet, self._signal = keys, quiet, signal
        self._said: dict[str, tuple[float, str]] = {}
        self._vain: dict[str, int] = {}  # looks at a start in vain
        self._again: dict[str, float] = {}  # when it was last seen to be started again

    def take(self, readings: Sequence[Reading], now: float) -> list[Key]:
        if self._signal is None:
            return []
        for reading in readings:
            if reading.metric == "log.template" and rank_of(reading.text) >= ERROR:
                self._hear(reading, now)
        fatal = [r for r in readings if r.metric == "unit.fatal" and r.value is not None]
        return [self._judge(self._signal, r, now) for r in fatal]

    def _hear(self, reading: Reading, now: float) -> None:
        unit = self._quiet.units.get(reading.service)
        if unit is not None and (not unit.up or (unit.uptime or 0.0) < HEARD_S):
            self._said[reading.service] = now, reading.text

    def _judge(self, signal: Signal, fatal: Reading, now: float) -> Key:
        key = self._keys.made(signal, fatal.service, "", now)
        if any(k.value for name in AGAIN for k in self._keys.of(name, fatal.service)):
            self._again[fatal.service] = now
        # Whoever starts it once more by hand resets the counts, not what is known of it.
        again = key.value or now - self._again.get(fatal.service, -HEARD_S) < HEARD_S
        vain = bool(fatal.value and again and OWN_END.match(fatal.text))
        looks = self._vain[fatal.service] = self._vain.get(fatal.service, 0) + 1 if vain else 0
        said = self._last_words(fatal.service, now)
        if vain and not said and looks < LISTENED:
            return key
        text = said or key.text or f"{fatal.text}, without a word"
        key.observe(vain, float(vain), text if vain else "", now)
        return key

    def _last_words(self, service: str, now: float) -> str:
        at, said = self._said.get(service, (now, ""))
        return said if now - at < HEARD_S else ""
