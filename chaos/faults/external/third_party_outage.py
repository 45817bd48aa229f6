"""The payment and quote provider, which is not ours, goes away."""

from __future__ import annotations

import signal
from typing import Any

from chaos.faults import _config, _crash
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNITS = ("upstream",)
CONSUMERS = ("api-1", "api-2")


class ThirdPartyOutage(Fault):
    id = "third_party_outage"
    title = "Third-party API outage"
    category = "external"
    targets = UNITS
    description = "The outside provider of quotes dies and stays dead. Nobody here can restart it."
    blast_radius = "quotes at checkout"
    reverts = "the provider comes back, and the shop's provider setting is put back"
    label = "real protocol against a stand-in provider"
    expected = Expected(UNITS, ("down", "process_dead"))
    may_touch = ("api", *CONSUMERS, "fallback")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"units": list(UNITS), **_config.remember(site, CONSUMERS)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _crash.for_good(site, UNITS, signal.SIGKILL, world=True)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [*_config.restore(site, undo), *_crash.started(site, undo["units"], world=True)]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return ""  # it stays down; whether the shop can live without it is what the journeys measure
