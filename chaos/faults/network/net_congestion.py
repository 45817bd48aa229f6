"""A job copies so much over the line of the api's database traffic that everything else waits behind it."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config, _lines
from chaos.faults.base import Expected, FaultFailed, Part, Undo
from chaos.site import Site

EDGE, UNIT = "api-db", "net"


class NetCongestion(_config.JobFault):
    id = "net_congestion"
    title = "Network congestion"
    category = "network"
    targets = (UNIT, _config.BATCH)
    description = (
        "A job that copies the tables to another site fills the line that the api reaches its database by."
    )
    blast_radius = "whatever asks the database: each question waits behind the copies"
    reverts = "puts the job's settings back, ends its run, and moves the traffic back to the line"
    expected = Expected((UNIT, _config.BATCH), ("edge_slow", "config_changed"))
    job = "backup-sync"
    settings = {"mb": 100_000, "streams": 1, "every_s": 5}
    culprits = ((_config.BATCH, job), (UNIT, EDGE), ("postgres", job))
    may_touch = (EDGE, "api", "api-1", "api-2", "postgres")
    drivers = ("process",)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        if not _lines.shape(site, EDGE):
            raise FaultFailed(f"nothing limits the line {EDGE} here: `tc` is missing")
        return super().prepare(site, params)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [*super().parts(site, undo), Part(f"{EDGE} runs over its own line", lambda: _back(site))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        """What goes over another line fills this one no more."""
        return super().still_broken(site, undo) if site.edge(EDGE)["path"] == "A" else ""


def _back(site: Site) -> None:
    if site.edge(EDGE)["path"] != "A":
        site.post(UNIT, f"/edges/{EDGE}/reset")
