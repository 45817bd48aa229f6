"""Which files and folders of a system are looked at, and why: those that its manifest or its runtime names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systems.envfile import parse_env
from systems.manifest import Service
from systems.probes.files import MAX_FILE, parse
from systems.services import LoadedSystem
from systems.state.facts import Area, Read
from systems.state.sources import named


@dataclass(slots=True)
class Place:
    """One file or folder to look at. `keys` reads it; None: only how it lies there. `prefix`: before each key, where
    the component has several."""

    component: str
    name: str
    path: Path
    kind: str
    keys: Callable[[Path], dict[str, Any]] | None = None
    golden: Path | None = None
    loaded: bool = False
    prefix: str = ""
    owner: str = ""
    keep: bool = False  # its whole text may be kept
    stamp: object = field(default_factory=object)  # None: it is not there
    found: Read = field(default_factory=dict)
    waited: int = 0

    @property
    def area(self) -> Area:
        return self.component, self.name

    @property
    def outside(self) -> Area:
        return self.component, f"{self.name}: file"


def of(system: LoadedSystem) -> Iterator[Place]:
    """What the manifest and the runtime name of each service."""
    yield from of_manifest(system)
    yield from of_runtime(system)


def of_manifest(system: LoadedSystem) -> Iterator[Place]:
    for name, service in system.services.items():
        yield from _declared(system, name, service)
        if (spec := service.state) is not None:
            for path in spec.files:
                prefix = f"{Path(path).name}: "
                keys = None if path.endswith("/") else parse  # of such a folder only how it lies there
                yield Place(
                    name,
                    path,
                    system.path(path),
                    "file",
                    keys,
                    prefix=prefix,
                    owner=spec.owner,
                    keep=spec.keep,
                )


def of_runtime(system: LoadedSystem) -> Iterator[Place]:
    for name, link, lies in named.links(system):
        yield Place(name, link, lies, "release")
    for name, file, lies in named.files(system):
        yield Place(name, file, lies, "file")


def _declared(system: LoadedSystem, name: str, service: Service) -> Iterator[Place]:
    owner = service.state.owner if service.state else ""
    keep = service.state is not None and service.state.keep
    if service.config:
        file, golden = service.config.file, system.path(service.config.golden)
        at_start = service.config.reload == "restart"
        yield Place(name, file, system.path(file), "config", parse, golden, at_start, owner=owner, keep=keep)
    if service.env:
        golden_env = system.path(service.env.golden) if service.env.golden else None
        yield Place(
            name, service.env.file, system.path(service.env.file), "env", _env, golden_env, True, owner=owner,
            keep=keep,
        )  # fmt: skip
    if service.release and service.release.link:
        yield Place(name, service.release.link, system.path(service.release.link), "release", owner=owner)
    for volume in service.volumes:
        yield Place(name, volume.path, system.path(volume.path), "file", owner=owner)


def _env(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return dict(parse_env(file.read(MAX_FILE).decode(errors="replace"), path.name))
