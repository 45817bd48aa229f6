"""Both api processes crash until whoever runs them gives up."""

from __future__ import annotations

import signal

from chaos.faults import _crash
from chaos.faults.base import Expected

UNITS = ("api-1", "api-2")


class ApiDown(_crash.CrashFault):
    id = "api_down"
    title = "API crash"
    category = "api"
    targets = UNITS
    description = "Both api processes crash and stay down: whoever runs them has given them up."
    blast_radius = "the whole shop: every page and order"
    reverts = "starts both processes"
    expected = Expected(("api", *UNITS), ("process_dead",))
    number = signal.SIGSEGV
