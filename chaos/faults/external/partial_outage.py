"""The front end hangs: it accepts connections and never answers."""

from __future__ import annotations

from typing import Any

from chaos.faults import _crash
from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT = "frontend"


class PartialOutage(Fault):
    id = "partial_outage"
    title = "Partial outage (one service hangs)"
    category = "external"
    targets = (UNIT,)
    description = (
        "The front end is stopped in its tracks: listed as running, accepts connections, says nothing."
    )
    blast_radius = "the shop's pages; its API works"
    reverts = "lets the process go on"
    expected = Expected((UNIT,), ("process_hung",))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        if wrong := site.down((UNIT,)):
            raise FaultFailed(f"{wrong}: nothing to hang")
        return {}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        site.hands.freeze(UNIT)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        thawed = Part(f"{UNIT} moves again", lambda: site.hands.thaw(UNIT))
        return [thawed, *_crash.started(site, (UNIT,))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return f"{UNIT} does not move" if site.hands.is_frozen(UNIT) else site.down((UNIT,))
