"""Bundles of cases: where what was seen meets what was done to it and, after a game day, what was really wrong."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from actions import audit
from chaos.alterations import Alteration, Touched
from chaos.gameday.amid import Made, told
from chaos.registry import find
from chaos.scorecard import Row
from incidents.bundles import Bundle, BundleError, record
from systems.models import System


def export_incident(number: int, folder: Path, by: str, *, small: bool = False) -> Bundle:
    """The bundle of an incident, and the line of the audit log that says who took it. LookupError for an unknown
    number, BundleError or FileExistsError when it cannot be written."""
    system, since, until = record.incident(number)
    return _export(folder, by, system, since, until, head={"incident": number}, small=small)


def _export(
    folder: Path, by: str, system: System, *args: Any, head: dict[str, Any], **options: Any
) -> Bundle:
    """What is not written down is not left there either."""
    bundle = record.export(folder, system, *args, head=head, **options)
    try:
        size = sum(f.stat().st_size for f in folder.iterdir())
        audit.append(
            by, "incident.exported", system=system.slug, incident=head["incident"],
            data={"bytes": size, "name": folder.name},
        )  # fmt: skip
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return bundle


@dataclass
class Keeper:
    """Keeps one bundle per run of a game day, with its answer, in `folder`/FAULT-SEED."""

    folder: Path
    system: System
    small: bool = False
    failed: list[str] = field(default_factory=list)

    def __call__(
        self, row: Row, injected: datetime, until: datetime, undo: dict[str, Any], made: list[Made]
    ) -> None:
        """Called when a run is over. What cannot be kept is said at the end; it stops no game day."""
        fault = find(row.fault)
        unknown = isinstance(fault, Alteration)
        answer: dict[str, Any] = {
            "kind": "unknown" if unknown else "decoys" if made else "known",
            "fault": row.fault,
            "seed": row.seed,
            "category": row.category,
            "components": list(fault.expected.components),
            "causes": list(fault.expected.causes),
            "injected_at": injected.isoformat(),
        }
        if isinstance(fault, Alteration):
            answer["components"] = list(fault.right_parts(undo))
            answer["changed"] = [t.as_json() for t in fault.touched(undo)]
        elif fault.culprits:
            answer["changed"] = [Touched(part, "", what).as_json() for part, what in fault.culprits]
        self._keep(f"{row.fault}-{row.seed}", injected, until, answer, made, row.incident_number)

    def quiet(self, number: int, since: datetime, until: datetime, made: list[Made]) -> None:
        """The same for a piece of quiet time: nothing is wrong in it."""
        answer: dict[str, Any] = {
            "kind": "quiet",
            "category": "",
            "components": [],
            "causes": [],
            "injected_at": None,
        }
        mine = [m for m in made if m.at <= until and m.at >= since - record.LEAD_IN]
        self._keep(f"quiet-{number}", since, until, answer, mine)

    def _keep(
        self,
        name: str,
        since: datetime,
        until: datetime,
        answer: dict[str, Any],
        made: list[Made],
        incident: int | None = None,
    ) -> None:
        try:
            _export(
                self.folder / (f"{name}-amid" if made else name),
                "game day",
                self.system,
                since,
                until,
                head={"incident": incident},
                answer=answer | ({"harmless": told(made)} if made else {}),
                small=self.small,
            )
        except (BundleError, OSError) as error:
            self.failed.append(f"{name}: {error}")
