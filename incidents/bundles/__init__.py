"""A case with all its evidence, as a folder that needs no portal: see docs/bundle.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from systems.manifest.types import Manifest
from systems.readings import Reading
from systems.state.types import Change

FORMAT = 1


class BundleError(ValueError):
    """The folder is no bundle that can be read, or the case cannot be made one. The message says what to mend."""


@dataclass(slots=True)
class Tick:
    """What one look of the watcher brought, `at` seconds after the start of the bundle. `mini`: of the parts an event
    was about; `starved`: the watcher had too little of the machine."""

    at: float
    readings: list[Reading] = field(default_factory=list)
    mini: bool = False
    starved: bool = False


@dataclass
class Bundle:
    """One case. Seconds count from `start`; trouble before `trouble_from` belongs to another case.

    `normal`: what was normal before the first tick, [[signal, service, label, [value]]]. `changes`: what the ledger has
    of it, our own acts too. `head`: what else is known of it, for people. The answer is no part of it: see
    `folder.answer`."""

    manifest: Manifest
    start: datetime
    trouble_from: float
    ticks: list[Tick]
    normal: list[list[Any]] = field(default_factory=list)
    symptoms: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    head: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took when it happened."""
        return self.ticks[-1].at if self.ticks else 0.0

    def time(self, seconds: float) -> datetime:
        return self.start + timedelta(seconds=seconds)
