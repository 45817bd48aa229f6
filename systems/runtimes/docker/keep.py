"""What outlives a process of ours: fencing tokens and the networks a unit was cut from, in one small file."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base import RuntimeFailed, StaleFence


class Keep:
    """Shared by every process that drives the project: put it on a file system they all see."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[dict[str, dict[str, Any]]]:
        """The kept facts, locked; what the caller changes is written back."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                before = file.read()
                facts = json.loads(before or "{}")
                yield facts
                after = json.dumps(facts)
                if after != before:
                    file.seek(0)
                    file.truncate()
                    file.write(after)
        except (OSError, ValueError) as exc:
            raise RuntimeFailed(f"the runtime's notes at {self.path} cannot be kept: {exc}") from exc

    def check(self, unit: str, fence: int | None) -> None:
        """StaleFence when a newer token was seen for this unit; else remembers this one."""
        if fence is None:
            return
        with self._open() as facts:
            fences = facts.setdefault("fences", {})
            seen = fences.get(unit)
            if seen is not None and fence < seen:
                raise StaleFence(f"refused: token {fence} for {unit} is older than {seen}")
            fences[unit] = fence

    def cut(self, unit: str, network: str, endpoint: dict[str, Any]) -> None:
        """Remember how `unit` hung on `network`."""
        with self._open() as facts:
            facts.setdefault("cut", {}).setdefault(unit, {})[network] = endpoint

    def cuts(self, unit: str) -> dict[str, dict[str, Any]]:
        """The networks `unit` was cut from, and how it hung on them."""
        with self._open() as facts:
            return dict(facts.get("cut", {}).get(unit, {}))

    def mended(self, unit: str, network: str) -> None:
        with self._open() as facts:
            facts.get("cut", {}).get(unit, {}).pop(network, None)
