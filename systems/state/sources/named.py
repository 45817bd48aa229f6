"""What the runtime says that a unit works with, whether a manifest names it or not: links of the file system below
which it runs (who switches one rolls out), and the files that its command names, itself or by their folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from systems.manifest import Service
from systems.runtimes.base import RUNNING, RuntimeError_, Setting
from systems.services import LoadedSystem

DIRECTORY, COMMAND = "directory", "command"  # of how a unit is run
SETTINGS = {".conf", ".cnf", ".ini", ".yaml", ".yml", ".toml", ".properties"}
MOST = 20  # files of one folder
STOPPED = "STOPPED"  # by somebody, and waits for somebody

Named = tuple[str, str, Path]  # service, as the system's folder has it, where it lies


def links(system: LoadedSystem) -> list[Named]:
    """Those on the way to the directory of a unit. Empty where the runtime does not answer."""
    found = []
    for service, told in _units(system):
        known = service.release.link if service.release else None
        path = system.base_dir
        for step in _below(system, told.get(DIRECTORY)):
            path = path / step
            link = str(path.relative_to(system.base_dir))
            if path.is_symlink() and link != known:
                found.append((service.name, link, path))
    return found


def files(system: LoadedSystem) -> list[Named]:
    """Those that commands name, and files of settings in folders that they name, but for what the manifest names."""
    found = []
    for service, told in _units(system):
        known = {*(service.state.files if service.state else ())}
        known |= {spec.file for spec in (service.config, service.env) if spec is not None}
        for path in dict.fromkeys(_of_command(system, told.get(COMMAND))):
            name = str(path.relative_to(system.base_dir))
            if name not in known:
                found.append((service.name, name, path))
    return found


def runs_since(system: LoadedSystem, name: str, link: Path) -> bool:
    """Whether the service was started since the link points where it does, or tries to start: else it has not taken up
    what lies there. What somebody stopped is left so."""
    unit = system.service(name).unit
    try:
        state = system.runtime.state(unit) if unit is not None else None
        switched = link.lstat().st_mtime
    except (RuntimeError_, OSError):
        return False
    if state is None:
        return False
    if state.state != RUNNING or state.started_at is None:
        return state.fatal or state.state != STOPPED
    return state.started_at >= switched


def _units(system: LoadedSystem) -> Iterator[tuple[Service, dict[str, Setting]]]:
    try:
        specs = system.runtime.specs()
    except (RuntimeError_, OSError):
        return
    for service in system.services.values():
        if service.unit is not None and (told := specs.get(service.unit)):
            yield service, told


def _below(system: LoadedSystem, told: Setting | None) -> tuple[str, ...]:
    """The steps from the system's folder to a path; none where it lies elsewhere, as in a container."""
    path = Path(os.path.normpath(told.value)) if told is not None else None
    return path.relative_to(system.base_dir).parts if path and path.is_relative_to(system.base_dir) else ()


def _of_command(system: LoadedSystem, told: Setting | None) -> Iterator[Path]:
    try:
        words = shlex.split(told.value) if told is not None else []
    except ValueError:
        return
    for word in words[1:]:
        path = Path(os.path.normpath(word.partition("=")[2] or word))
        if not path.is_absolute() or not path.is_relative_to(system.base_dir) or path == system.base_dir:
            continue
        try:
            if path.is_dir():
                yield from sorted(p for p in path.iterdir() if p.suffix in SETTINGS and p.is_file())[:MOST]
            elif path.is_file():
                yield path
        except OSError:
            continue  # it may not be looked into
