"""Whether a system under care was seen whole: every unit up, every journey through."""

from collections.abc import Iterable
from typing import Any

from systems.readings import Reading
from systems.services import LoadedSystem

_TELLING = ("unit.up", "http.ok", "journey.ok")


class Readiness:
    """Keeps the last telling reading of each part of each system, and says what is not well."""

    def __init__(self) -> None:
        self._last: dict[str, dict[tuple[str, str, str], float | None]] = {}
        self._whole_once: set[str] = set()

    def note(self, system: LoadedSystem, readings: Iterable[Reading]) -> None:
        known = self._last.setdefault(system.slug, {})
        for reading in readings:
            if reading.metric in _TELLING:
                known[(reading.metric, reading.service, reading.label)] = reading.value
        if not self.troubles(system):
            self._whole_once.add(system.slug)

    def troubles(self, system: LoadedSystem) -> list[str]:
        """Names of units, services and journeys that are not well, or were not seen yet; empty when whole."""
        known = self._last.get(system.slug, {})
        bad = [label or service for (_, service, label), value in known.items() if value != 1]
        seen_units = {service for metric, service, _ in known if metric == "unit.up"}
        seen_journeys = {label for metric, _, label in known if metric == "journey.ok"}
        bad += [name for name, service in system.services.items() if service.unit and name not in seen_units]
        bad += [journey.name for journey in system.manifest.journeys if journey.name not in seen_journeys]
        return sorted(set(bad))

    def describe(self, system: LoadedSystem) -> dict[str, Any]:
        """What /healthz shows of it."""
        bad = self.troubles(system)
        state = f"waiting for {', '.join(bad)}" if bad else "whole"
        return {"whole_once": system.slug in self._whole_once, "state": state}
