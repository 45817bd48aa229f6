"""The log collector crashes until whoever runs it gives up; all parts keep what they would have sent."""

from __future__ import annotations

from chaos.faults import _crash
from chaos.faults.base import Expected, Undo
from chaos.site import Site

UNITS = ("log-collector",)


class LoggingDown(_crash.CrashFault):
    id = "logging_down"
    title = "Logging service down"
    category = "external"
    targets = UNITS
    description = "The log collector crashes and stays down: no part's log lines arrive any more."
    blast_radius = "who reads the collected logs; the shop itself works"
    reverts = "starts the collector; what was kept meanwhile is sent"
    expected = Expected(UNITS, ("process_dead",))

    def still_broken(self, site: Site, undo: Undo) -> str:
        return super().still_broken(site, undo) or site.answers(UNITS[0])
