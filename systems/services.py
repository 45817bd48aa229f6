"""Systems under care, loaded: the manifest, its dependency graph and the runtime that controls the units."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from systems.manifest import Manifest, ManifestError, Service, load_manifest
from systems.models import System
from systems.runtimes import RuntimeFailed, connect
from systems.runtimes.base import Runtime

_cache: dict[str, tuple[tuple[int, ...], LoadedSystem]] = {}
_cache_lock = threading.Lock()


class UnknownSystem(LookupError):
    """No system is registered under this slug."""


class UnknownService(LookupError):
    """The manifest has no such service."""


class LoadedSystem:
    """A manifest ready for use. `id` is the database row's; None when it was loaded without one."""

    def __init__(
        self, manifest: Manifest, base_dir: Path, runtime: Runtime, *, slug: str = "", id: int | None = None
    ) -> None:
        self.slug = slug or manifest.system
        self.id = id
        self.manifest = manifest
        self.base_dir = base_dir
        self.runtime = runtime
        self._callers: dict[str, list[str]] = {name: [] for name in manifest.services}
        for name, service in manifest.services.items():
            for other in service.depends_on:
                self._callers[other].append(name)
        self._by_unit = {s.unit: s for s in manifest.services.values() if s.unit is not None}

    @property
    def services(self) -> dict[str, Service]:
        return self.manifest.services

    @property
    def title(self) -> str:
        return self.manifest.title or self.slug

    def service(self, name: str) -> Service:
        try:
            return self.manifest.services[name]
        except KeyError:
            raise UnknownService(f"{self.slug} has no service {name!r}") from None

    def by_unit(self, unit: str) -> Service | None:
        """The service whose runtime unit has this name."""
        return self._by_unit.get(unit)

    def by_address(self, url: str) -> Service | None:
        """The service that listens where `url` (or host:port) points to."""
        wanted = _authority(url)
        for service in self.manifest.services.values():
            if wanted in (service.tcp, _authority(service.http.url) if service.http else None):
                return service
        return None

    def path(self, relative: str) -> Path:
        """A path of the manifest, relative to its folder."""
        return self.base_dir / relative

    def dependencies(self, name: str) -> set[str]:
        """Everything `name` needs, directly or not."""
        return _reach(self.service(name).name, lambda n: self.manifest.services[n].depends_on)

    def dependents(self, name: str) -> set[str]:
        """Everything that needs `name`, directly or not: its callers."""
        return _reach(self.service(name).name, lambda n: self._callers[n])

    def distances(self, name: str) -> dict[str, int]:
        """Callers of `name` with the number of hops to it (1 = direct)."""
        hops, layer, step = dict[str, int](), [name], 0
        while layer:
            step += 1
            layer = [c for n in layer for c in self._callers[n] if c != name and c not in hops]
            hops.update(dict.fromkeys(layer, step))
        return hops

    @property
    def groups(self) -> dict[str, list[str]]:
        """Group name -> its services, in the manifest's order."""
        groups: dict[str, list[str]] = {}
        for name, service in self.manifest.services.items():
            if service.group:
                groups.setdefault(service.group, []).append(name)
        return groups

    def members(self, name: str) -> list[str]:
        """Services meant by `name`: the members of a group, or the one service. UnknownService when neither."""
        return self.groups.get(name) or [self.service(name).name]

    def component(self, name: str) -> str:
        """The logical service: the group where there is one, else the name itself."""
        return self.service(name).group or name


def _authority(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] if "://" in url else url


def _reach(start: str, step: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    todo: list[str] = [start]
    while todo:
        neighbours = step(todo.pop())
        for name in neighbours:
            if name not in found and name != start:
                found.add(name)
                todo.append(name)
    return found


def from_manifest(
    path: Path, *, slug: str = "", id: int | None = None, runtime: Runtime | None = None
) -> LoadedSystem:
    """Load a manifest without the database. ManifestError says what to mend."""
    manifest = load_manifest(path)
    base_dir = path.resolve().parent
    if runtime is None:
        try:
            runtime = connect(manifest.runtime.driver, manifest.runtime.options(), base_dir)
        except RuntimeFailed as error:
            raise ManifestError([f"{path.name}: runtime: {error}"]) from error
    return LoadedSystem(manifest, base_dir, runtime, slug=slug, id=id)


def load(slug: str) -> LoadedSystem:
    """The registered system `slug`; parsed again only when its manifest or secrets file changed on disk.

    UnknownSystem, or ManifestError when the manifest is broken."""
    row = System.objects.filter(slug=slug).first()
    if row is None:
        raise UnknownSystem(f"no system {slug!r} is registered; see `manage.py register_system`")
    return _load_row(row)


def load_all() -> list[LoadedSystem]:
    """Every enabled system whose manifest can be read; a broken one keeps its last good version."""
    loaded = []
    for row in System.objects.filter(enabled=True):
        try:
            loaded.append(_load_row(row))
        except ManifestError:
            with _cache_lock:
                last = _cache.get(row.slug)
            if last is not None:
                loaded.append(last[1])
    return loaded


def _load_row(row: System) -> LoadedSystem:
    path = Path(row.manifest_path)
    with _cache_lock:
        known = _cache.get(row.slug)
        if known is not None and known[0] == (row.pk, *_stamp(path, known[1].manifest)):
            return known[1]
        system = from_manifest(path, slug=row.slug, id=row.pk)
        _cache[row.slug] = ((row.pk, *_stamp(path, system.manifest)), system)
        return system


def _stamp(path: Path, manifest: Manifest) -> tuple[int, ...]:
    files = [path] + ([path.parent / manifest.secrets] if manifest.secrets else [])
    stamp: list[int] = []
    for file in files:
        try:
            found = file.stat()
            stamp += [found.st_mtime_ns, found.st_size, found.st_ino]
        except OSError:
            stamp.append(-1)
    return tuple(stamp)


def register(path: Path) -> System:
    """Register the manifest at `path` (or update the row of its slug). ManifestError when it is broken."""
    path = path.resolve()
    manifest = load_manifest(path)
    system, _ = System.objects.update_or_create(
        slug=manifest.system,
        defaults={"title": manifest.title or manifest.system, "manifest_path": str(path)},
    )
    return system
