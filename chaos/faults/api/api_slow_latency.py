"""A delay slipped into the api's configuration."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
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

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        delay = 5.0 + float(params.get("seed", 1)) % 6
        return {**_config.remember(site, UNITS), "delay": delay}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _config.put(site, [(unit, KEY, undo["delay"]) for unit in UNITS])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _config.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _config.still(site, [(unit, KEY, undo["delay"]) for unit in UNITS])
