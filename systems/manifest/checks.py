"""What a manifest says that cannot be, though each part of it has the right shape."""

from __future__ import annotations

from collections.abc import Iterator

from systems.manifest.types import Manifest

Trouble = tuple[tuple[str | int, ...], str]  # where, and what to mend


def troubles(manifest: Manifest) -> Iterator[Trouble]:
    """Every trouble, with the path of the key that it stands at."""
    yield from _own_needs(manifest)
    yield from _unscraped(manifest)


def _own_needs(manifest: Manifest) -> Iterator[Trouble]:
    """Two parts may need each other, as pages behind a proxy do that ask through it; a part that needs itself says
    nothing."""
    for name, service in manifest.services.items():
        if name in service.depends_on:
            yield ("services", name, "depends_on"), "depends on itself"


def _unscraped(manifest: Manifest) -> Iterator[Trouble]:
    if manifest.prometheus is not None:
        return
    for name, service in manifest.services.items():
        for key in ("promql", "queries"):
            if service.metrics is not None and getattr(service.metrics, key):
                yield (
                    ("services", name, "metrics", key),
                    "needs the address of a Prometheus: `prometheus: {url: ...}` beside `services`",
                )
