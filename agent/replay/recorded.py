"""What a bundle knows beside its ticks: the system, what was done to it, and what checks answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from knowledge.service import SEEDS
from knowledge.spec import RunbookSpec, parse
from systems.manifest.types import Manifest
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from systems.state.types import REQUESTS, Change

SAID: dict[str, bool | None] = {"yes": True, "no": False}


@dataclass(frozen=True)
class Act:
    """An action: when it began and ended, and on what it was."""

    target: str
    claimed_at: datetime
    finished_at: datetime | None


class Answers:
    """What checks answered live, each answer for one question: in the order in which it was given."""

    def __init__(self, timeline: Iterable[dict[str, Any]]) -> None:
        self._left: dict[tuple[str, str], list[tuple[bool | None, str]]] = defaultdict(list)
        for event in timeline:
            if event["kind"] == "check" and "signal" in event["data"]:
                data = event["data"]
                given = (SAID.get(data.get("answer", "")), str(event["body"])[:300])
                self._left[data["signal"], data["service"]].append(given)

    def to(self, signal: str, service: str) -> tuple[bool | None, str] | None:
        """(value, text); None when nobody asked this. The last answer holds for whoever asks once more."""
        left = self._left.get((signal, service))
        if not left:
            return None
        return left.pop(0) if len(left) > 1 else left[0]


def acts_of(changes: Iterable[Change]) -> list[Act]:
    """Our own requests among the changes."""
    return [
        Act(c.component, c.last_old, None if c.pending else c.first_new)
        for c in changes
        if c.source == REQUESTS
    ]


def as_system(manifest: Manifest) -> LoadedSystem:
    """The graph of a manifest, with nothing behind it: no runtime is asked, no file is read."""
    units = [s.unit for s in manifest.services.values() if s.unit]
    return LoadedSystem(manifest, Path("/nonexistent"), FakeRuntime(units))


def shipped(folder: Path = SEEDS) -> Sequence[RunbookSpec]:
    """The runbooks that come with the product, from their files. ValueError when one cannot be read."""
    found = []
    for path in sorted(folder.glob("*.md")):
        spec, _, problems = parse(path.read_text("utf-8"))
        if spec is None:
            raise ValueError(f"{path.name}: {'; '.join(map(str, problems))}")
        found.append(spec)
    return found
