"""Bundles of cases: where what was seen meets what was done to it and, after a game day, what was really wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from actions.models import ActionRequest, Status
from agent.doubt import LOOKED_BACK
from chaos.registry import FAULTS
from chaos.scorecard import Row
from incidents.bundles import Bundle, BundleError, record
from systems.models import System

NOT_DONE = (Status.REFUSED, Status.REJECTED, Status.CANCELLED)


def export_incident(number: int, folder: Path, *, small: bool = False) -> Bundle:
    """The bundle of an incident. LookupError for an unknown number, BundleError or FileExistsError when it cannot be
    written."""
    system, since, until = record.incident(number)
    return record.export(
        folder,
        system,
        since,
        until,
        changes=acts(system, since, until),
        head={"incident": number},
        small=small,
    )


def acts(system: System, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """What the portal did to the system in the window and in the minutes before, as changes."""
    done = ActionRequest.objects.filter(
        system=system, claimed_at__gte=since - LOOKED_BACK, claimed_at__lte=until
    ).exclude(status__in=NOT_DONE)
    return [
        {
            "kind": "action", "at": a.claimed_at.isoformat(), "service": a.target, "what": a.deed, "by": a.requested_by,
            "until": a.finished_at.isoformat() if a.finished_at else None, "status": a.status,
        }
        for a in done.order_by("claimed_at")
        if a.claimed_at is not None
    ]  # fmt: skip


@dataclass
class Keeper:
    """Keeps one bundle per run of a game day, with its answer, in `folder`/FAULT-SEED."""

    folder: Path
    system: System
    small: bool = False
    failed: list[str] = field(default_factory=list)

    def __call__(self, row: Row, injected: datetime, until: datetime) -> None:
        """Called when a run is over. What cannot be kept is said at the end; it stops no game day."""
        fault = FAULTS[row.fault]
        answer = {
            "fault": row.fault,
            "seed": row.seed,
            "category": row.category,
            "components": list(fault.expected.components),
            "causes": list(fault.expected.causes),
            "injected_at": injected.isoformat(),
        }
        try:
            record.export(
                self.folder / f"{row.fault}-{row.seed}",
                self.system,
                injected,
                until,
                changes=acts(self.system, injected, until),
                head={"incident": row.incident_number},
                answer=answer,
                small=self.small,
            )
        except (BundleError, OSError) as error:
            self.failed.append(f"{row.fault}: {error}")
