"""Links of the file system below which units run: who switches one rolls out, whether a manifest names it or not."""

from __future__ import annotations

from pathlib import Path

from systems.runtimes.base import RUNNING, RuntimeError_
from systems.services import LoadedSystem

DIRECTORY = "directory"  # of how a unit is run


def of(system: LoadedSystem) -> list[tuple[str, str, Path]]:
    """(service, the link as the system's folder has it, where it lies) of each service of which a link in that folder
    is on the way to its directory. Empty where the runtime does not answer."""
    base = system.path(".")
    try:
        specs = system.runtime.specs()
    except (RuntimeError_, OSError):
        return []
    found = []
    for name, service in system.services.items():
        told = specs.get(service.unit, {}).get(DIRECTORY) if service.unit else None
        if told is None or not Path(told.value).is_relative_to(base):
            continue
        path, known = base, service.release.link if service.release else None
        for step in Path(told.value).relative_to(base).parts:
            path = path / step
            link = str(path.relative_to(base))
            if path.is_symlink() and link != known:
                found.append((name, link, path))
    return found


def runs_since(system: LoadedSystem, name: str, link: Path) -> bool:
    """Whether the service was started since the link points where it does, or does not run: else it has not taken up
    what lies there."""
    unit = system.service(name).unit
    try:
        state = system.runtime.state(unit) if unit is not None else None
        switched = link.lstat().st_mtime
    except (RuntimeError_, OSError):
        return True
    if state is None or state.state != RUNNING or state.started_at is None:
        return True
    return state.started_at >= switched
