"""The small volumes of the shop: how full they are, and files on them. Processes only; no Django."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from chaos.faults.base import FaultFailed
from chaos.site import Site


def check(site: Site, name: str) -> None:
    """FaultFailed when it is no volume of its own."""
    path = Path(site.facts["volumes"][name])
    try:
        own = path.stat().st_dev != path.parent.stat().st_dev
    except OSError as error:
        raise FaultFailed(f"the volume {name} cannot be read: {error.strerror}") from error
    if not own:
        raise FaultFailed(f"{name} is no volume of its own here: it would fill the machine's")


def used(site: Site, name: str) -> tuple[float, float]:
    """(share of its bytes, share of its files), 0 to 1."""
    found = os.statvfs(site.facts["volumes"][name])
    return 1 - found.f_bavail / found.f_blocks, 1 - found.f_favail / found.f_files


def remove(site: Site, name: str, pattern: str) -> None:
    """All files of its top folder whose names are like that."""
    for path in Path(site.facts["volumes"][name]).glob(pattern):
        with suppress(FileNotFoundError):
            path.unlink()
