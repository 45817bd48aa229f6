"""Minutes with no fault at all: whatever is seen or done in them is too much."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actions.models import ActionRequest
from chaos import service
from chaos.gameday.amid import Amid, Made
from chaos.gameday.told import Pipeline
from chaos.site import Site
from incidents.models import Incident
from systems.models import System

SLICE_S = 90.0
# Gets the number of a piece of the quiet time, when it began and ended, and what was changed by then.
KeepQuiet = Callable[[int, datetime, datetime, list[Made]], None]


def watch(
    system: System,
    minutes: float,
    say: Callable[[str], None],
    *,
    changes: int = 0,
    seed: int = 1,
    keep: KeepQuiet | None = None,
) -> dict[str, Any]:
    """Incidents opened and actions begun in so many minutes, with that many harmless changes made in them."""
    start = datetime.now(UTC)
    say(f"no fault for {minutes:g} minutes" + (f", {changes} harmless changes" if changes else "") + " ...")
    site = Site.load(Path(system.manifest_path).parent)
    amid = Amid(site, service.journal(), f"quiet:{seed}", tell=Pipeline(system))
    pieces = max(1, round(minutes * 60 / SLICE_S)) if keep is not None else 1
    try:
        for piece in range(pieces):
            began = datetime.now(UTC)
            now = changes * (piece + 1) // pieces - changes * piece // pieces
            _pass(amid, now, minutes * 60 / pieces)
            if keep is not None:
                keep(piece + 1, began, datetime.now(UTC), amid.made)
    finally:
        amid.end()
    return {
        "minutes": minutes,
        "changes": len(amid.made),
        "incidents": Incident.objects.filter(system=system, opened_at__gte=start).count(),
        "actions": ActionRequest.objects.filter(system=system, claimed_at__gte=start).count(),
    }


def _pass(amid: Amid, changes: int, seconds: float) -> None:
    if changes:
        amid.spread(changes, seconds)
    else:
        time.sleep(seconds)
