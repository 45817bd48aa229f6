"""What of each system is watched for changes, and when it was last read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from systems.models import SettledState, System
from systems.state.reported import SOURCE as REPORTED
from systems.state.types import REQUESTS

# a source's first word -> what is read there, and the icon
READS = {
    "files": "keys of configuration and environment files, links, permissions, owners",
    "units": "how each unit is run, its release and limits, when it was started",
    "uses": "limits that are reached",
    "postgres": "settings, schema, roles, grants, who may log in, extensions",
    "redis": "settings, users, modules",
    "http": "what an administration page tells: pools, routes, flags",
    "names": "what names resolve to",
    "tls": "certificates and when they end",
    "clocks": "how far clocks are off",
    "groups": "what replicas of a group promise to have in common",
    REPORTED: "deploys, flags, commits and maintenance that CI/CD tells of",
    REQUESTS: "what the portal itself did",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """One source of one system. `read_at`: until when all of it was seen to be as it is known, told once a minute."""

    source: str
    reads: str
    read_at: datetime


def by_system(systems: Iterable[System]) -> list[tuple[System, list[Watched]]]:
    """Each system with what is read there; nothing yet where no watcher has looked."""
    every = list(systems)
    states = SettledState.objects.filter(system__in=every).order_by("source")
    found: dict[int, list[Watched]] = {system.pk: [] for system in every}
    for key, source, read_at in states.values_list("system_id", "source", "read_at"):
        found[key].append(Watched(source, reads(source), read_at))
    return [(system, found[system.pk]) for system in every]


def reads(source: str) -> str:
    """What a source is about; empty for one that is not known here."""
    return READS.get(source) or READS.get(source.partition(" ")[0], "")


def names(systems: Iterable[System]) -> list[str]:
    """Every source that changes of these systems may have."""
    known = SettledState.objects.filter(system__in=list(systems)).values_list("source", flat=True)
    return [*sorted(set(known)), REPORTED, REQUESTS]
