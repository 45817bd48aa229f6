"""The front end hangs: it accepts connections and never answers."""

from __future__ import annotations

from chaos.faults import _crash
from chaos.faults.base import Expected

UNIT = "frontend"


class PartialOutage(_crash.HangFault):
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
