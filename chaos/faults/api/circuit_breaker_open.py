"""A breaker that is quick to open and stays open for an hour; both api processes are restarted."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNIT = "gateway"
APIS = ("api-1", "api-2")
EDITS: list[_config.Edit] = [(UNIT, "breaker.failures", 2), (UNIT, "breaker.reset_timeout_s", 3600)]


class CircuitBreakerOpen(Fault):
    id = "circuit_breaker_open"
    title = "Circuit breaker stuck open"
    category = "api"
    targets = (UNIT,)
    description = "The breaker was set to close after an hour. Both api processes restart, and it opens."
    blast_radius = "everything that goes through the front door to the api, which is well"
    reverts = "puts the configuration back and closes the breaker"
    expected = Expected((UNIT,), ("breaker_stuck_open", "config_changed"))
    culprits = ((UNIT, "breaker.reset_timeout_s"), (UNIT, "breaker.failures"))
    may_touch = ("api", *APIS)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return _config.remember(site, (UNIT,))

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _config.put(site, EDITS)
        for unit in APIS:
            site.hands.bounce(unit)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            *_config.restore(site, undo),
            Part("the breaker is closed", lambda: site.post(UNIT, "/breaker/reset")),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        with urllib.request.urlopen(site.url(UNIT, "/pools"), timeout=3) as answer:
            pools = json.loads(answer.read())
        open_ = [name for name, pool in pools.items() if pool["breaker"] == "open"]
        return f"the breaker of {', '.join(open_)} is open" if open_ else ""
