"""Whether a system under care was seen whole: every unit up, every journey through, no part sick."""

from __future__ import annotations

from typing import Any

from incidents.picture import Picture
from systems.services import LoadedSystem


class Readiness:
    """What the pictures say of each system, and whether it was ever whole."""

    def __init__(self) -> None:
        self._troubles: dict[str, list[str]] = {}
        self._whole_once: set[str] = set()

    def note(self, system: LoadedSystem, picture: Picture) -> None:
        self._troubles[system.slug] = found = troubles(system, picture)
        if not found:
            self._whole_once.add(system.slug)

    def describe(self, system: LoadedSystem) -> dict[str, Any]:
        """What /healthz shows of it."""
        bad = self._troubles.get(system.slug) or []
        state = f"waiting for {', '.join(bad)}" if bad else "whole"
        return {"whole_once": system.slug in self._whole_once, "state": state}


def troubles(system: LoadedSystem, picture: Picture) -> list[str]:
    """Names of parts and journeys that are not well, or were not seen yet; empty when whole. Of a part that is not ours
    to control it is enough that nothing is known to be wrong with it."""
    if picture.at is None:
        return sorted(system.services)
    well = {(s.signal, s.service, s.label) for s in picture.states if s.value is False}
    through = {label for signal, _, label in well if signal == "journey_failed"}
    sick = [name for name, health in picture.health.items() if health.word in ("down", "degraded")]
    unseen = [n for n, s in system.services.items() if s.unit and ("unit_down", n, "") not in well]
    waits = [j.name for j in system.manifest.journeys if j.name not in through]
    return sorted({*sick, *unseen, *waits})
