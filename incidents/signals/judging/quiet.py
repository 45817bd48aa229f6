"""When signals are not judged: while all is only just starting, after a restart somebody asked for, and when the
watcher itself was held up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from incidents.signals.detectors import Sample
from incidents.signals.judging.state import Key, Unit
from systems.graph import SystemGraph
from systems.readings import Reading

SETTLE_S = 6.0  # after a restart on request, its consequences are not judged
GRACE_S = 45.0  # a system that is just starting gets this long to become well
MIN_GRACE_S = 4.0
STARVED_LOOKS = 5  # after the watcher was starved, for so many ticks what is slow or silent is still left out
STALL_S = 3.0  # ticks further apart than this: the watcher was held up, so its timeouts mean nothing


class Quiet:
    """What is known of the units of one system, and of the pace of the ticks."""

    def __init__(self, graph: SystemGraph) -> None:
        self.graph = graph
        self.units: dict[str, Unit] = defaultdict(Unit)
        self.settled_at: float | None = None
        self.ill: frozenset[str] = frozenset()  # the signals that hold, but for mere words
        self._started: float | None = None
        self._last_full: float | None = None
        self._stalled = 0
        self._starved = 0
        self._muted: dict[str, bool] = {}
        self._known: dict[str, tuple[float | None, dict[str, float | None]]] = {}

    @property
    def held_up(self) -> bool:
        """Whether this tick or the last came late."""
        return self._stalled > 0

    @property
    def starved(self) -> bool:
        """Whether the watcher has, or just had, too little of the machine: nothing slow or silent is judged."""
        return self._starved > 0

    @property
    def is_blind(self) -> bool:
        """Whether what is seen just now says nothing of how the system is in peace."""
        return self.settled_at is None or self.starved or self.held_up

    def note(
        self, readings: Sequence[Reading], now: float, *, full: bool, starved: bool = False
    ) -> list[str]:
        """Take in a tick. The services whose unit was just stopped or started on request."""
        self._started = self._started or now
        if starved:
            self._starved = STARVED_LOOKS + 1
        elif full:
            self._starved = max(0, self._starved - 1)
        if full:
            gap = now - self._last_full if self._last_full is not None else 0.0
            self._stalled = 2 if gap > STALL_S else max(0, self._stalled - 1)
            self._last_full = now
        asked = self._note_units(readings, now)
        self._muted.clear()
        self._known.clear()
        return asked

    def muted(self, service: str, now: float) -> bool:
        """Whether `service`, or something it needs, was just restarted on request, or all is only just starting."""
        if self.settled_at is None:
            return True
        if service not in self._muted:
            names = {service, *self.graph.dependencies([service])}
            recent = any(now - self.units[n].changed_at < SETTLE_S for n in names if n in self.units)
            self._muted[service] = recent
        return self._muted[service]

    def sample(self, key: Key, value: float | None, text: str, now: float) -> Sample:
        """One observation of a key, with what is known of its unit."""
        settled = self.settled_at
        uptime, peers = self._known.get(key.service) or self._note_known(key.service)
        fresh = settled is not None and key.created > settled + 10
        return Sample(now, value, text, fresh, uptime, peers, bool(self.ill - {key.signal.id}))

    def _note_known(self, service: str) -> tuple[float | None, dict[str, float | None]]:
        """Uptime and peers of a service's unit, the same for all its keys until the next tick."""
        unit = self.units.get(service)
        known = unit is not None and unit.up is not None
        uptime = unit.uptime if unit is not None and unit.up else None
        peers: dict[str, float | None] = (
            {"unit.wanted_down": float(unit.wanted)} if unit is not None and known else {}
        )
        found = self._known[service] = uptime, peers
        return found

    def use(self, graph: SystemGraph) -> None:
        """Go on with a newly loaded manifest."""
        self.graph = graph
        self._muted.clear()

    def settle(self, journeys: Iterable[float | None], now: float) -> None:
        """Note when the system has become well for the first time, or has had its time for it. `journeys`: the last
        value of each, 1 for green."""
        if self.settled_at is not None or self._started is None:
            return
        age = now - self._started
        units = bool(self.units) and all(u.up and (u.uptime or 0) >= 3 for u in self.units.values())
        well = units and all(value == 1 for value in journeys)
        if age >= GRACE_S or (age >= MIN_GRACE_S and well):
            self.settled_at = now

    def _note_units(self, readings: Iterable[Reading], now: float) -> list[str]:
        by_service: dict[str, dict[str, Reading]] = defaultdict(dict)
        for reading in readings:
            if reading.metric.startswith("unit."):
                by_service[reading.service][reading.metric] = reading
        return [service for service, found in by_service.items() if self._note_unit(service, found, now)]

    def _note_unit(self, service: str, found: dict[str, Reading], now: float) -> bool:
        up, uptime, restarts = (found.get(f"unit.{m}") for m in ("up", "uptime_s", "restarts"))
        if up is None:
            return False
        age, count = (reading.value if reading else None for reading in (uptime, restarts))
        return self.units[service].update(up.value, up.text, age, count, now)
