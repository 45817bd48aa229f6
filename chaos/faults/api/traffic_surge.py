"""Ten times as many people as usual come at once, each of them a visitor like any other."""

from __future__ import annotations

from typing import Any

from chaos.faults import _world
from chaos.faults.base import Expected, Fault, Intensity, Part, Undo
from chaos.site import Site

CROWD, DOOR, RPS = "newcomers", "gateway", 100


class TrafficSurge(Fault):
    id = "traffic_surge"
    title = "Traffic surge"
    category = "api"
    targets = (DOOR,)
    description = "A mailing brings more than ten times as many visitors as usual, each a client of its own."
    blast_radius = "everybody at the front door: more come than can be served"
    reverts = "the crowd goes home, and the door lets everybody in again"
    expected = Expected((DOOR, "api", "api-1", "api-2"), ("surge", "overload"))
    may_touch = ("frontend", "backup-api")
    intensity = Intensity("visits a second", RPS, 20, 300)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {**_world.remember(site, CROWD), "rps": self.strength(params)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _world.put(site, CROWD, {"rps": undo["rps"]})

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [*_world.restore(site, undo), Part("the front door lets everybody in", lambda: _open(site))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return ""  # they keep coming; whether the shop works for its customers is what the journeys measure


def _open(site: Site) -> None:
    if site.told(DOOR, "/admission").get("mode") != "open":
        site.post(DOOR, "/admission?mode=open")
