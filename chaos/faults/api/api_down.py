"""Both api processes crash until whoever runs them gives up."""

from __future__ import annotations

import signal
from typing import Any

from chaos.faults import _crash
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNITS = ("api-1", "api-2")


class ApiDown(Fault):
    id = "api_down"
    title = "API crash"
    category = "api"
    targets = UNITS
    description = "Both api processes crash and stay down: whoever runs them has given them up."
    blast_radius = "the whole shop: every page and order"
    reverts = "starts both processes"
    expected = Expected(("api", *UNITS), ("process_dead",))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"units": list(UNITS)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _crash.for_good(site, UNITS, signal.SIGSEGV)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _crash.started(site, undo["units"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        return site.down(UNITS)
