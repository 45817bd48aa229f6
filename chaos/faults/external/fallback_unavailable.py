"""The api was left on its fallback provider after an earlier trouble, and now that one goes."""

from __future__ import annotations

import signal
from typing import Any

from chaos.faults import _config, _crash
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNITS = ("fallback",)
CONSUMERS = ("api-1", "api-2")
KEY = "upstream.active"
EDITS: list[_config.Edit] = [(unit, KEY, "fallback") for unit in CONSUMERS]


class FallbackUnavailable(Fault):
    id = "fallback_unavailable"
    title = "Fallback unavailable"
    category = "external"
    targets = (*UNITS, *CONSUMERS)
    description = "The shop was left on its second provider, which dies. The first one is well."
    blast_radius = "quotes at checkout"
    reverts = "the provider comes back, and the shop's provider setting is put back"
    label = "real protocol against a stand-in provider"
    expected = Expected((*UNITS, "api", *CONSUMERS), ("down", "process_dead", "config_changed"))
    culprits = tuple((unit, KEY) for unit in CONSUMERS)
    may_touch = ("api", "upstream")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"units": list(UNITS), **_config.remember(site, CONSUMERS)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _config.put(site, EDITS)
        _crash.for_good(site, UNITS, signal.SIGKILL, world=True)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [*_config.restore(site, undo), *_crash.started(site, undo["units"], world=True)]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _config.still(site, EDITS)
