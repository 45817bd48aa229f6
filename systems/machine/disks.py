"""File systems, by the paths that matter on them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path


def used_pct(total: int, free: int, available: int) -> float:
    """Per cent used of what an ordinary user may use, as `df` counts it; 0 where the filesystem has no such limit."""
    used = total - free
    return round(100 * used / (used + available), 1) if used + available > 0 else 0.0


def device(path: Path) -> int | None:
    """Of what is there of the path; None where nothing can be told."""
    for place in (path, *path.parents):
        try:
            return place.stat().st_dev
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def mounts(paths: Iterable[Path], without: Collection[int | None] = ()) -> list[Path]:
    """Where the file systems of these paths are mounted, each once. `without`: devices that somebody else reads."""
    found: dict[int, Path] = {}
    for path in paths:
        at = device(path)
        if at is None or at in without or at in found:
            continue
        there = next((p for p in (path, *path.parents) if os.path.lexists(p)), Path("/")).resolve()
        while there != there.parent and device(there.parent) == at:
            there = there.parent
        found[at] = there
    return list(found.values())
