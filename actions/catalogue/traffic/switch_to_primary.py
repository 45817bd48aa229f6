"""Send the consumers of an external service back to the primary."""

from __future__ import annotations

from actions.catalogue.traffic._switch import Switch, with_fallback
from actions.models import Risk
from systems.services import LoadedSystem


class SwitchToPrimary(Switch):
    slug = "switch-to-primary"
    title = "Switch back to the primary provider"
    risk = Risk.LOW
    to = "primary"
    aliases = ("switch-upstream",)

    def targets(self, system: LoadedSystem) -> list[str]:
        return with_fallback(system, external=True)
