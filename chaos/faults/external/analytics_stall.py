"""The consumer of the event stream hangs: it took some events and neither counts nor gives them back."""

from __future__ import annotations

from chaos.faults import _crash
from chaos.faults.base import Expected, Undo
from chaos.site import Site

UNIT, STREAM, GROUP = "analytics", "s:events", "counting"
IN_HAND_FOR_S = 10.0  # longer than any event takes


class AnalyticsStall(_crash.HangFault):
    id = "analytics_stall"
    title = "Analytics pipeline stalled"
    category = "external"
    targets = (UNIT, "redis")
    description = (
        "The consumer of the event stream is stopped in its tracks: it is there, and counts nothing."
    )
    blast_radius = "the figures of the dashboard; orders are taken and fulfilled"
    reverts = "lets the process go on"
    expected = Expected((UNIT,), ("process_hung",))
    may_touch = ("redis",)

    def still_broken(self, site: Site, undo: Undo) -> str:
        """A new process that leaves behind what the old one had in hand mends half of it."""
        return super().still_broken(site, undo) or _left(site)


def _left(site: Site) -> str:
    with site.redis() as redis:
        held = redis.xpending_range(STREAM, GROUP, "-", "+", 1)
    idle = int(held[0]["time_since_delivered"]) / 1000 if held else 0.0
    return f"events are in hand for {idle:.0f} s" if idle > IN_HAND_FOR_S else ""
