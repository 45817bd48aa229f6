"""How long each kind of record is kept: what comes with the portal, and what an administrator has set instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from systems.models import Retention

DAY = 24  # hours
FOR_EVER = None


@dataclass(frozen=True, slots=True)
class Kind:
    """`hours`: kept for so long where nothing is set; None: for ever. `least`, `most`: what may be set. `tables`: where
    it lies."""

    name: str
    title: str
    what: str
    hours: int | None
    least: int
    most: int
    tables: tuple[str, ...]

    @property
    def may_be_kept_for_ever(self) -> bool:
        return self.hours is None or self.most >= 10_000 * DAY


READINGS = Kind(
    "readings",
    "Readings and looks",
    "every look of the watcher, whole: plots, bundles and replays are made of it",
    6, 2, 14 * DAY, ("systems_reading", "systems_tick"),
)  # fmt: skip
ROLLUPS = Kind(
    "rollups",
    "Means by the minute",
    "what plots show of older times, and what is normal by the hour",
    30 * DAY, 2 * DAY, 800 * DAY, ("systems_rollup",),
)  # fmt: skip
CHANGES = Kind(
    "changes",
    "What changed",
    "the ledger; an older incident then no longer names the change it was blamed on",
    400 * DAY, 7 * DAY, 10_000 * DAY, ("systems_changerow",),
)  # fmt: skip
INCIDENTS = Kind(
    "incidents",
    "Resolved incidents",
    "with timeline, symptoms, requests, runs and postmortem; what was learnt from them stays",
    FOR_EVER, 30 * DAY, 10_000 * DAY,
    (
        "incidents_incident", "incidents_timelineevent", "incidents_symptom", "incidents_postmortem",
        "incidents_postmortemrevision", "actions_actionrequest", "actions_decision", "agent_run", "agent_step",
        "agent_call",
    ),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (READINGS, ROLLUPS, CHANGES, INCIDENTS)}


class Wrong(ValueError):
    """It may not be set so; says why."""


def hours() -> dict[str, int | None]:
    """By kind, as it is in force."""
    return in_force(dict(Retention.objects.values_list("kind", "hours")))


def in_force(given: Mapping[str, int | None]) -> dict[str, int | None]:
    """What was set, over what comes with the portal."""
    return {name: given.get(name, kind.hours) for name, kind in KINDS.items()}


def span(kind: Kind) -> timedelta | None:
    found = hours()[kind.name]
    return None if found is None else timedelta(hours=found)


def keep(name: str, wanted: int | None, by: str) -> None:
    """Set it, in hours; None: for ever. Wrong says what may be."""
    kind = KINDS.get(name)
    if kind is None:
        raise Wrong(f"there is no kind {name}; there are {', '.join(KINDS)}")
    if wanted is None and not kind.may_be_kept_for_ever:
        raise Wrong(f"{kind.title}: at most {kind.most // DAY} days; a disk has an end")
    if wanted is not None and not kind.least <= wanted <= kind.most:
        raise Wrong(f"{kind.title}: from {kind.least} hours to {kind.most // DAY} days")
    Retention.objects.update_or_create(kind=name, defaults={"hours": wanted, "by": by[:120]})
