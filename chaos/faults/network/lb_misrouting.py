"""The gateway sends the api's requests to members that are no api."""

from __future__ import annotations

from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT = "gateway"
POOL = "pools.{}.members"
WRONG = ("frontend", "backup-api")  # whose members are put in, as by a careless copy


class LbMisrouting(Fault):
    id = "lb_misrouting"
    title = "Wrong members behind the load balancer"
    category = "network"
    targets = (UNIT,)
    description = (
        "A configuration change makes the frontend and an old spare the members of the gateway's api pool."
    )
    blast_radius = "every other api request is answered by a server that is no api, or by an older one"
    reverts = "puts the gateway's configuration back and reloads it"
    expected = Expected((UNIT,), ("pool_members_wrong",))
    culprits = ((UNIT, POOL.format("api")),)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        members = [m for pool in WRONG for m in site.config_value(UNIT, POOL.format(pool)) or []]
        if not members:
            raise FaultFailed("the gateway's configuration has no other pools to take members from")
        return {**_config.remember(site, (UNIT,)), "members": members}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _config.put(site, [(UNIT, POOL.format("api"), undo["members"])])

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _config.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _config.still(site, [(UNIT, POOL.format("api"), undo["members"])])
