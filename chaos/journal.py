"""The injector's own journal: one JSON file per injection, outside the system it breaks.

The file holds the inverse and is on disk before anything is broken, so that the keeper or `./ops revert` can put it
back with portal, database and broker dead. A lock file per entry makes every revert happen once at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

ARMED, ACTIVE, REVERTED, FAILED = "armed", "active", "reverted", "failed"
LOOK_S = 0.05


@dataclass
class Entry:
    """`started_at`, `deadline`, `reverted_at` are Unix seconds; `site` is the folder of site.json."""

    fault: str
    site: str
    deadline: float
    params: dict[str, Any] = field(default_factory=dict)
    undo: dict[str, Any] = field(default_factory=dict)
    status: str = ARMED
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: float = field(default_factory=time.time)
    reverted_at: float | None = None
    reverted_by: str = ""
    error: str = ""
    asked_by: str = ""
    file: str = ""  # where the fault was loaded from, when it is none of the product's
    left: list[str] = field(default_factory=list)  # parts that could not be put back yet, and why

    @property
    def live(self) -> bool:
        return self.status in (ARMED, ACTIVE)

    @property
    def ending(self) -> bool:
        """Somebody (`asked_by`) has asked the keeper to end it, who is at it."""
        return self.live and bool(self.asked_by)


class Journal:
    """The folder of entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, entry: Entry) -> None:
        """Atomic and durable: a reader sees the old file or the new one, never half of one."""
        path = self.folder / f"{entry.id}.json"
        temporary = path.with_suffix(".tmp")
        with temporary.open("w") as handle:
            json.dump(asdict(entry), handle)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.rename(path)

    def read(self, entry_id: str) -> Entry:
        """Raises KeyError when there is no such entry."""
        found = _load(self.folder / f"{entry_id}.json")
        if found is None:
            raise KeyError(entry_id)
        return found

    def entries(self) -> list[Entry]:
        """The oldest first. A file that cannot be read hides no other: damaged() names it."""
        found = [entry for path in self.folder.glob("*.json") if (entry := _load(path))]
        return sorted(found, key=lambda e: e.started_at)

    def damaged(self) -> list[str]:
        """Ids of entries whose file cannot be read: what they broke is not known."""
        return [path.stem for path in self.folder.glob("*.json") if path.exists() and _load(path) is None]

    def live(self) -> list[Entry]:
        return [e for e in self.entries() if e.live]

    def hand_over(self, entry_id: str, by: str) -> Entry:
        """Due now instead of later: the keeper ends it, in the name of `by`. For those who cannot themselves."""
        with self.locked(entry_id):
            entry = self.read(entry_id)
            if entry.live:
                entry.deadline, entry.asked_by = min(entry.deadline, time.time()), entry.asked_by or by
                self.write(entry)
            return entry

    def wait_over(self, entry_id: str, seconds: float) -> Entry:
        """The entry once it is over, or as it is after that time. Its end is another process's: no event tells it."""
        until = time.monotonic() + seconds
        while (entry := self.read(entry_id)).live and time.monotonic() < until:
            time.sleep(LOOK_S)
        return entry

    @contextmanager
    def locked(self, entry_id: str) -> Iterator[None]:
        with (self.folder / f"{entry_id}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


_FIELDS = frozenset(f.name for f in fields(Entry))


def _load(path: Path) -> Entry | None:
    """None when it is not there, or not an entry."""
    try:
        told = json.loads(path.read_text())
        return Entry(**{name: value for name, value in told.items() if name in _FIELDS})
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None
