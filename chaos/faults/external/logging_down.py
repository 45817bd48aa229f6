"""The log collector crashes until whoever runs it gives up; all parts keep what they would have sent."""

from __future__ import annotations

import signal
from typing import Any

from chaos.faults import _crash
from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNITS = ("log-collector",)


class LoggingDown(Fault):
    id = "logging_down"
    title = "Logging service down"
    category = "external"
    targets = UNITS
    description = "The log collector crashes and stays down: no part's log lines arrive any more."
    blast_radius = "who reads the collected logs; the shop itself works"
    reverts = "starts the collector; what was kept meanwhile is sent"
    expected = Expected(UNITS, ("process_dead",))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"units": list(UNITS)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _crash.for_good(site, UNITS, signal.SIGKILL)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _crash.started(site, undo["units"])

    def still_broken(self, site: Site, undo: Undo) -> str:
        return site.down(UNITS) or site.answers(UNITS[0])
