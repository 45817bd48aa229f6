"""A copy to the second place takes all that the line of the api's database traffic can carry."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config, _lines
from chaos.faults.base import Expected, FaultFailed, Undo
from chaos.site import Site

EDGE, UNIT = "api-db", "net"


class NetCongestion(_config.JobFault):
    id = "net_congestion"
    title = "Network congestion"
    category = "network"
    targets = (UNIT, _config.BATCH)
    description = (
        "A backup copies as fast as it goes over the link of the api's database traffic, which has to queue."
    )
    blast_radius = "everything that asks the database: each question waits for tenths of a second"
    reverts = "puts the job's settings back and ends its run"
    expected = Expected((UNIT, _config.BATCH), ("link_full", "config_changed"))
    drivers = ("process",)
    job = "backup-sync"
    settings = {"kb_s": 0, "streams": 2, "copies": 100, "rounds": 1_000_000, "every_s": 5}
    culprits = ((_config.BATCH, job), (UNIT, job))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        if "tbf" not in _lines.inside(site, EDGE, "tc", "qdisc", "show", "dev", "lo"):
            raise FaultFailed(f"the line {EDGE} carries whatever comes: it cannot be filled")
        return super().prepare(site, params)
