"""The small volumes of the shop: how full they are, and files on them. Of containers, as seen from inside."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from chaos.faults.base import FaultFailed
from chaos.site import Site

UNIT = "api-1"  # has them all
SHARES = "import os, sys; v = os.statvfs(sys.argv[1]); print(1 - v.f_bavail / v.f_blocks, 1 - v.f_favail / v.f_files)"


def check(site: Site, name: str) -> None:
    """FaultFailed when it is no volume of its own."""
    path = Path(site.facts["volumes"][name])
    if site.facts["driver"] == "docker":
        return
    try:
        own = path.stat().st_dev != path.parent.stat().st_dev
    except OSError as error:
        raise FaultFailed(f"the volume {name} cannot be read: {error.strerror}") from error
    if not own:
        raise FaultFailed(f"{name} is no volume of its own here: it would fill the machine's")


def used(site: Site, name: str) -> tuple[float, float]:
    """(share of its bytes, share of its files), 0 to 1."""
    path = site.facts["volumes"][name]
    if site.facts["driver"] == "docker":
        size, files = _inside(site, ["python", "-S", "-c", SHARES, path]).split()
        return float(size), float(files)
    found = os.statvfs(path)
    return 1 - found.f_bavail / found.f_blocks, 1 - found.f_favail / found.f_files


def remove(site: Site, name: str, pattern: str) -> None:
    """All files of its top folder whose names are like that."""
    path = site.facts["volumes"][name]
    if site.facts["driver"] == "docker":
        _inside(site, ["find", path, "-maxdepth", "1", "-name", pattern, "-delete"])
        return
    for file in Path(path).glob(pattern):
        with suppress(FileNotFoundError):
            file.unlink()


def _inside(site: Site, argv: list[str]) -> str:
    code, said = site.hands.run_beside(UNIT, argv)
    if code:
        raise OSError(f"{argv[0]}: {' '.join(said)[-200:]}")
    return "\n".join(said)
