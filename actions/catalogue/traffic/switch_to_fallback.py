"""Send the consumers of an external service to its declared fallback."""

from __future__ import annotations

from actions.catalogue.traffic._switch import Switch, with_fallback
from actions.models import Risk
from systems.services import LoadedSystem


class SwitchToFallback(Switch):
    slug = "switch-to-fallback"
    title = "Switch to the fallback provider"
    risk = Risk.LOW
    to = "fallback"
    ended_by, over_when = "switch-to-primary", "well"

    def targets(self, system: LoadedSystem) -> list[str]:
        return with_fallback(system, external=True)
