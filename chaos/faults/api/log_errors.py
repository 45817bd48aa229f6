"""Not a fault but a test of restraint: made-up stack traces in the api's log while everything works."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

UNIT = "api-1"
SECONDS = 12
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/recommend.py", line 88, in rank\n'
    "    score = weights[item.kind] * item.freshness\n"
    "KeyError: 'seasonal'"
)


class LogErrors(Fault):
    id = "log_errors"
    title = "Noise in the log"
    category = "api"
    targets = (UNIT,)
    description = (
        "Stack traces that matter to nobody fill the api's log. Nothing is broken: nothing is to be done."
    )
    blast_radius = "nothing"
    reverts = "stops by itself"
    restraint = True
    expected = Expected((UNIT, "api"), ("log_noise",))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            line = {
                "ts": datetime.now(UTC).isoformat(),
                "svc": "api",
                "replica": UNIT,
                "level": "ERROR",
                "msg": "recommendation failed: KeyError: 'seasonal'",
                "exc": TRACE,
            }
            site.hands.write_log(UNIT, [json.dumps(line)] * 4)
            time.sleep(0.5)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return []

    def still_broken(self, site: Site, undo: Undo) -> str:
        return ""
