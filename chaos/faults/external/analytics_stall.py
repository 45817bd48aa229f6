"""The consumer of the event stream hangs: it took some events and neither counts nor gives them back."""

from __future__ import annotations

from typing import Any

from chaos.faults import _crash
from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT, STREAM, GROUP = "analytics", "s:events", "counting"
IN_HAND_FOR_S = 10.0  # longer than any event takes


class AnalyticsStall(Fault):
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
        """A new process that leaves behind what the old one had in hand mends half of it."""
        if site.hands.is_frozen(UNIT):
            return f"{UNIT} does not move"
        return site.down((UNIT,)) or _left(site)


def _left(site: Site) -> str:
    with site.redis() as redis:
        held = redis.xpending_range(STREAM, GROUP, "-", "+", 1)
    idle = int(held[0]["time_since_delivered"]) / 1000 if held else 0.0
    return f"events are in hand for {idle:.0f} s" if idle > IN_HAND_FOR_S else ""
