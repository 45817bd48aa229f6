"""The zone of the first resolver is empty after a change: it answers, and there is no such name."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected

UNIT = "dns-1"


class DnsFailure(_config.ConfigFault):
    id = "dns_failure"
    title = "DNS failure"
    category = "network"
    targets = (UNIT,)
    description = "The zone of the first resolver was emptied: it says that no name of the shop exists."
    blast_radius = (
        "every new connection to database and cache; those that stand go on until their time is over"
    )
    reverts = "puts the zone back and has the resolver read it"
    expected = Expected((UNIT,), ("config_changed",))
    edits = ((UNIT, "zone", {}),)
    may_touch = ("api", "api-1", "api-2", "gateway")
