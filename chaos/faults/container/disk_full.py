"""Somebody left the api's log level at TRACE: its trace file fills the volume that customers' pictures are kept on."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config, _volumes
from chaos.faults.base import Expected, Part, Undo
from chaos.site import Site

UNITS, VOLUME = ("api-1", "api-2"), "applog"
FULL = 0.9


class DiskFull(_config.ConfigFault):
    id = "disk_full"
    title = "Disk full (log overflow)"
    category = "container"
    targets = UNITS
    description = "The api traces every request, with all it knows of the visitor, until its volume is full."
    blast_radius = "customers' pictures are refused, and whatever else is kept on that volume"
    reverts = "puts the log level back and removes the trace file"
    expected = Expected(("api", *UNITS), ("disk_full", "config_changed"))
    edits = tuple((unit, "log.level", "TRACE") for unit in UNITS)
    culprits = tuple((part, what) for part in ("api", *UNITS) for what in ("log.level", VOLUME))
    drivers = ("process",)  # who looks after containers from outside gets at none of their volumes

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        _volumes.check(site, VOLUME)
        return super().prepare(site, params)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        gone = Part("the trace file is gone", lambda: _volumes.remove(site, VOLUME, "*-trace.log"))
        return [*super().parts(site, undo), gone]

    def still_broken(self, site: Site, undo: Undo) -> str:
        """Emptied with the level as it is, it is full again within the minute."""
        share = _volumes.used(site, VOLUME)[0]
        full = f"the volume {VOLUME} is {share:.0%} full" if share > FULL else ""
        return super().still_broken(site, undo) or full
