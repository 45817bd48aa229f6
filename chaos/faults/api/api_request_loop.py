"""The front door sends one of its routes to itself."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNIT = "gateway"
ROUTE, POOL = "/api/catalog", "catalog"


class ApiRequestLoop(Fault):
    id = "api_request_loop"
    title = "Infinite request loop"
    category = "api"
    targets = (UNIT,)
    description = (
        "A new route leads back to the front door: each request goes round until the guard stops it."
    )
    blast_radius = "the catalogue, and everybody's share of the front door's allowance"
    reverts = "puts the configuration back and reloads it"
    expected = Expected((UNIT,), ("pool_members_wrong", "config_changed"))
    culprits = ((UNIT, "routes"), (UNIT, f"pools.{POOL}"))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return _config.remember(site, (UNIT,))

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        itself = {"members": [{"name": POOL, "url": site.url(UNIT, "")}], "breaker": False}
        routes = [{"prefix": ROUTE, "pool": POOL}, *(site.config_value(UNIT, "routes") or [])]
        _config.put(site, [(UNIT, f"pools.{POOL}", itself), (UNIT, "routes", routes)])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _config.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return f"{ROUTE} leads to the front door itself" if site.config_value(UNIT, f"pools.{POOL}") else ""
