"""Probes that read files only when these have changed, and never half of one that is just being written."""

from __future__ import annotations

import time
from abc import abstractmethod

from systems.manifest import Service
from systems.probes.base import Clock, FileProbe
from systems.readings import Reading
from systems.services import LoadedSystem

WRITTEN_S = 0.25  # what was written longer ago is whole


class Cached(FileProbe):
    """Reads again only when one of the files changed. The second metric of `main` says whether they can be read."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._cache: dict[str, tuple[object, list[Reading]]] = {}

    def cached(self, key: str, stamp: object) -> list[Reading] | None:
        known = self._cache.get(key)
        return known[1] if known is not None and known[0] == stamp else None

    def keep(self, key: str, stamp: object, readings: list[Reading]) -> list[Reading]:
        self._cache[key] = (stamp, readings)
        return readings

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """As found; what cannot be read may be half written, and is read once more when it must be whole."""
        known = self._cache.get(service.name)
        found = self.read_once(system, service)
        new = known is None or known[1] is not found
        if new and any(r.metric == self.main[1] and r.value == 0.0 for r in found):
            time.sleep(WRITTEN_S)
            return self.read_once(system, service)
        return found

    @abstractmethod
    def read_once(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """Measure `service` by its files as they are."""
