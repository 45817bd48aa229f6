"""What a manifest says that cannot be, though each part of it has the right shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from systems.manifest import acting_checks
from systems.manifest.declared import Call
from systems.manifest.kinds import slip
from systems.manifest.types import Manifest, Service

Trouble = tuple[tuple[str | int, ...], str]  # where, and what to mend

# What only rooms above can tell; put in by the composition root, asked when a manifest is activated. What is active
# already is not undone by them: a newer portal may know more names.
further: list[Callable[[Manifest], Iterator[Trouble]]] = []


def troubles(manifest: Manifest) -> Iterator[Trouble]:
    """Every trouble, with the path of the key that it stands at."""
    yield from _own_needs(manifest)
    yield from _unscraped(manifest)
    for name, service in manifest.services.items():
        yield from _watched(name, service, manifest)
    yield from acting_checks.troubles(manifest)


def slips(manifest: Manifest) -> Iterator[Trouble]:
    """Kinds that are nearly one that is known. Told where a manifest is given; what is in use already goes on."""
    for name, service in manifest.services.items():
        if meant := slip(service.kind):
            yield ("services", name, "kind"), f"unknown kind; did you mean {meant!r}?"


def activating(manifest: Manifest) -> Iterator[Trouble]:
    """What keeps a manifest from being activated besides."""
    for check in further:
        yield from check(manifest)


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


def _watched(name: str, service: Service, manifest: Manifest) -> Iterator[Trouble]:
    """What a service declares to be watched: names that stand twice, and what cannot be asked where it says."""
    names: set[str] = set()
    for key in ("readings", "words"):
        for i, item in enumerate(getattr(service, key)):
            if item.name in names:
                yield (
                    ("services", name, key, i, "name"),
                    "another reading or word of this service has this name",
                )
            names.add(item.name)
    for i, reading in enumerate(service.readings):
        if trouble := unasked(reading, service, manifest):
            yield ("services", name, "readings", i, reading.way), trouble


def unasked(call: Call, service: Service, manifest: Manifest) -> str:
    """Why a call cannot be made of the service that it is of, "" when it can."""
    on = manifest.services.get(call.on) if call.on else service
    if on is None:
        return ""  # told where it is named
    hint = "" if call.on else "; `on: SERVICE` says of which it is asked"
    if call.way == "sql" and on.postgres is None:
        return f"{on.name} has no postgres section{hint}"
    if call.way == "redis" and on.redis is None:
        return f"{on.name} has no redis section{hint}"
    return f"{on.name} has no unit to run it in{hint}" if call.way == "exec" and on.unit is None else ""
