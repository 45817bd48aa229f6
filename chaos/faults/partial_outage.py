"""The front end hangs: it accepts connections and never answers."""

from __future__ import annotations

import os
import signal
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Undo
from chaos.site import Site

UNIT = "frontend"


class PartialOutage(Fault):
    id = "partial_outage"
    title = "Partial outage (one service hangs)"
    category = "external"
    targets = (UNIT,)
    description = (
        "The front end is stopped in its tracks: listed as running, accepts connections, says nothing."
    )
    blast_radius = "the shop's pages; its API works"
    reverts = "lets the process go on"
    expected = Expected((UNIT,), ("process_hung",))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        pid = site.pid(UNIT)
        if pid is None:
            raise FaultFailed(f"{UNIT} is not running; nothing to hang")
        return {"pid": pid}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        os.kill(undo["pid"], signal.SIGSTOP)

    def revert(self, site: Site, undo: Undo) -> None:
        if site.pid(UNIT) == undo["pid"]:
            os.kill(undo["pid"], signal.SIGCONT)
        site.start_if_dead(UNIT)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return (
            f"{UNIT} does not move" if site.pid(UNIT) == undo["pid"] and site.is_stopped(undo["pid"]) else ""
        )
