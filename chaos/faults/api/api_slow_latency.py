"""A delay slipped into the api's configuration."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import INTENSITY, Expected, Fault, Intensity, Part, Undo
from chaos.site import Site

UNITS = ("api-1", "api-2")
KEY = "middleware.delay_s"


class ApiSlowLatency(Fault):
    id = "api_slow_latency"
    title = "Slow API"
    category = "api"
    targets = UNITS
    description = "A configuration change makes every api request wait 5 to 10 seconds."
    blast_radius = "the whole shop: every page and order"
    reverts = "puts the configuration back and reloads it"
    expected = Expected(("api", *UNITS), ("artificial_delay",))
    culprits = tuple((unit, KEY) for unit in UNITS)
    may_touch = ("gateway",)
    intensity = Intensity("seconds that every request waits", 6.0, 1.0, 20.0)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        seeded = 5.0 + float(params.get("seed", 1)) % 6
        delay = self.strength(params) if INTENSITY in params else seeded
        return {**_config.remember(site, UNITS), "delay": delay}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _config.put(site, [(unit, KEY, undo["delay"]) for unit in UNITS])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _config.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _config.still(site, [(unit, KEY, undo["delay"]) for unit in UNITS])
