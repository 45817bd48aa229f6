"""The network between the api and its database is cut."""

from __future__ import annotations

from typing import Any, ClassVar

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

EDGE = "api-db"
UNIT = "net"


class NetOutage(Fault):
    id = "net_outage"
    title = "Network outage"
    category = "network"
    targets = (UNIT,)
    description = (
        "The link that carries the api's database traffic goes down: packets vanish, nothing is refused."
    )
    blast_radius = "everything that reaches the database over this link"
    reverts = "takes the link up again and moves the traffic back to it"
    imitated: ClassVar = {
        "process": "where no network namespace is to be had, a path in userland goes silent instead of a link"
    }
    expected = Expected((UNIT,), ("edge_down",))
    culprits = ((UNIT, EDGE),)
    may_touch = (EDGE,)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"edge": EDGE, "line": site.hands.line(EDGE), **_config.remember(site, (UNIT,))}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        if not site.hands.cut(EDGE):
            _config.put(site, [(UNIT, f"edges.{EDGE}.up", False)])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        edge = undo["edge"]
        line = Part(f"the line of {edge}", lambda: site.hands.mend(edge, undo["line"]))
        return [
            *_config.restore(site, undo),
            line,
            Part(f"{edge} runs over its own line", lambda: _back(site, edge)),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return "" if site.edge(EDGE)["ok"] else f"the link {EDGE} is dead"


def _back(site: Site, edge: str) -> None:
    if site.edge(edge)["path"] != "A":
        site.post(UNIT, f"/edges/{edge}/reset")
