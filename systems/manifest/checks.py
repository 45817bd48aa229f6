"""What a manifest says that cannot be, though each part of it has the right shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from systems.manifest import acting_checks
from systems.manifest.types import Manifest

Trouble = tuple[tuple[str | int, ...], str]  # where, and what to mend

# What only rooms above can tell; put in by the composition root, asked when a manifest is activated. What is active
# already is not undone by them: a newer portal may know more names.
further: list[Callable[[Manifest], Iterator[Trouble]]] = []


def troubles(manifest: Manifest) -> Iterator[Trouble]:
    """Every trouble, with the path of the key that it stands at."""
    yield from _cycles(manifest)
    yield from _unscraped(manifest)
    yield from acting_checks.troubles(manifest)


def activating(manifest: Manifest) -> Iterator[Trouble]:
    """What keeps a manifest from being activated besides."""
    for check in further:
        yield from check(manifest)


def _cycles(manifest: Manifest) -> Iterator[Trouble]:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[Trouble]:
        if name in trail:
            loop = [*trail[trail.index(name) :], name]
            yield ("services", trail[-1], "depends_on"), "depends on itself: " + " -> ".join(loop)
            return
        if name in done or name not in manifest.services:
            return
        for other in manifest.services[name].depends_on:
            yield from visit(other, (*trail, name))
        done.add(name)

    for name in manifest.services:
        yield from visit(name, ())


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
