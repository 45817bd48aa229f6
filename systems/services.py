"""Systems under care, loaded: the manifest, its dependency graph and the runtime that controls the units."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from systems.blindness import blind_to
from systems.graph import SystemGraph
from systems.machine.part import machine_of
from systems.manifest import Manifest, ManifestError, Service, parse_manifest, read_manifest
from systems.models import System
from systems.runtimes import RuntimeFailed, connect
from systems.runtimes.base import Runtime

log = logging.getLogger(__name__)
_cache: dict[str, tuple[tuple[int, ...], LoadedSystem]] = {}
_cache_lock = threading.Lock()


class UnknownSystem(LookupError):
    """No system is registered under this slug."""


class UnknownService(LookupError):
    """The manifest has no such service."""


class LoadedSystem:
    """A manifest ready for use. `id` is the database row's; None when it was loaded without one. `blind`: see
    systems/blindness.py. `host`: the machine that its units run on, where that may be the watcher's own."""

    def __init__(
        self,
        manifest: Manifest,
        base_dir: Path,
        runtime: Runtime,
        *,
        slug: str = "",
        id: int | None = None,
        blind: frozenset[str] = frozenset(),
    ) -> None:
        self.slug = slug or manifest.system
        self.id = id
        self.blind = blind
        self.manifest = manifest
        self.base_dir = base_dir
        self.runtime = runtime
        self.machine = machine_of(manifest, runtime)
        self.graph = SystemGraph.build(self)
        self._by_unit = {s.unit: s for s in manifest.services.values() if s.unit is not None}

    @property
    def services(self) -> dict[str, Service]:
        return self.manifest.services

    @property
    def title(self) -> str:
        return self.manifest.title or self.slug

    def service(self, name: str) -> Service:
        if self.machine is not None and name == self.machine.name:
            return self.machine
        try:
            return self.manifest.services[name]
        except KeyError:
            raise UnknownService(f"{self.slug} has no service {name!r}") from None

    def by_unit(self, unit: str) -> Service | None:
        """The service whose runtime unit has this name."""
        return self._by_unit.get(unit)

    def by_address(self, url: str) -> Service | None:
        """The service that listens where `url` (or host:port) points to."""
        wanted = authority(url)
        for service in self.manifest.services.values():
            told = (service.tcp, service.http.url if service.http else None)
            if wanted in [authority(one) for one in told if one]:
                return service
        return None

    def path(self, relative: str) -> Path:
        """A path of the manifest, relative to its folder."""
        return self.base_dir / relative

    def members(self, name: str) -> list[str]:
        """Services meant by `name`: the members of a group, or the one service. UnknownService when neither."""
        return self.graph.members(name) or [self.service(name).name]


def authority(url: str) -> str:
    """Where a URL or host:port points to, however it is written: `www.example:443`, `[::1]:8080`."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    try:
        host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # a port that is filled in later
        return parts.netloc.rpartition("@")[2]
    with suppress(ValueError):  # a name
        host = ip_address(host).compressed
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def from_manifest(
    path: Path,
    *,
    slug: str = "",
    id: int | None = None,
    runtime: Runtime | None = None,
    text: str | None = None,
    blind: frozenset[str] = frozenset(),
) -> LoadedSystem:
    """Load a manifest without the database, from `text` when given. ManifestError says what to mend."""
    in_use = text is not None
    text = read_manifest(path) if text is None else text
    manifest = parse_manifest(text, name=path.name, base_dir=path.parent, in_use=in_use)
    base_dir = path.resolve().parent
    if runtime is None:
        try:
            runtime = connect(manifest.runtime.driver, manifest.runtime.options(), base_dir)
        except RuntimeFailed as error:
            raise ManifestError([f"{path.name}: runtime: {error}"]) from error
    return LoadedSystem(manifest, base_dir, runtime, slug=slug, id=id, blind=blind)


def load(slug: str) -> LoadedSystem:
    """The registered system `slug`; parsed again only when another manifest was activated or its secrets file changed.

    UnknownSystem, or ManifestError when the manifest is broken."""
    row = System.objects.filter(slug=slug).first()
    if row is None:
        raise UnknownSystem(f"no system {slug!r} is registered; see `manage.py register_system`")
    return _load_row(row)


def load_all() -> list[LoadedSystem]:
    """Every enabled system that can be loaded; a broken one stops no other and keeps its last good version."""
    loaded = []
    for row in System.objects.filter(enabled=True):
        try:
            loaded.append(_load_row(row))
        except Exception as error:  # whatever is wrong with one is not the others' trouble
            log.warning("%s cannot be loaded: %s", row.slug, error)
    return loaded


def _load_row(row: System) -> LoadedSystem:
    """The active manifest; the secrets file may change under it (passwords rotate), the manifest's file may not."""
    path, blind = Path(row.manifest_path), blind_to(row.blind, timezone.now())
    with _cache_lock:
        known = _cache.get(row.slug)
        same = known is not None and known[1].blind == blind
        if known is not None and same and known[0] == (row.pk, *_stamp(row, known[1].manifest)):
            return known[1]
        try:
            system = from_manifest(
                path, slug=row.slug, id=row.pk, text=row.manifest_text or None, blind=blind
            )
        except ManifestError:
            if known is not None and known[0][0] == row.pk:
                return known[1]  # e.g. the secrets file is being written: the last good one goes on
            raise
        _cache[row.slug] = ((row.pk, *_stamp(row, system.manifest)), system)
        return system


def _stamp(row: System, manifest: Manifest) -> tuple[int, ...]:
    path = Path(row.manifest_path)
    files = [path] if not row.manifest_text else []  # registered before texts were kept
    files += [path.parent / manifest.secrets] if manifest.secrets else []
    stamp: list[int] = [row.manifest_version]
    for file in files:
        try:
            found = file.stat()
            stamp += [found.st_mtime_ns, found.st_size, found.st_ino]
        except OSError:
            stamp.append(-1)
    return tuple(stamp)


def register(path: Path, *, text: str | None = None) -> System:
    """Activate the manifest at `path` whole, or not at all: ManifestError names every mistake and nothing changes.

    `text`: what was read of it before. The text active before is kept in the row."""
    path = path.resolve()
    text = read_manifest(path) if text is None else text
    manifest = parse_manifest(text, name=path.name, base_dir=path.parent, runtime_check=runtime_trouble)
    title = (manifest.title or manifest.system)[:120]
    with transaction.atomic():
        row, _ = System.objects.get_or_create(
            slug=manifest.system, defaults={"title": title, "manifest_path": str(path)}
        )
        row = System.objects.select_for_update().get(pk=row.pk)
        if (row.manifest_text, row.manifest_path) != (text, str(path)):
            row.manifest_before = row.manifest_text
            row.manifest_version += 1
            row.activated_at = timezone.now()
        row.title, row.manifest_path, row.manifest_text = title, str(path), text
        row.save(
            update_fields=[
                "title", "manifest_path", "manifest_text", "manifest_before", "manifest_version", "activated_at",
            ]
        )  # fmt: skip
    return row


def runtime_trouble(options: dict[str, Any], base_dir: Path) -> str:
    """What keeps the runtime from being controlled, "" when nothing. No I/O."""
    try:
        given = {str(k): v for k, v in options.items()}
        connect(str(given.pop("driver", "process")), given, base_dir)
    except RuntimeFailed as error:
        return str(error)
    except Exception as error:  # an option of the wrong kind
        return f"an option cannot be used ({type(error).__name__}: {error})"
    return ""
