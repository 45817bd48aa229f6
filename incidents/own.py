"""Declared readings as pages and postmortems call them: by their name, and in their unit."""

from __future__ import annotations

from dataclasses import dataclass

from systems.manifest import ManifestError
from systems.services import UnknownSystem, load

VALUE = "own."  # the values
VERDICT = "declared."  # what is made of them


@dataclass(frozen=True, slots=True)
class Named:
    """What it is called, without a label."""

    words: str
    unit: str = ""

    def of(self, label: str) -> str:
        return f"{self.words} ({label})" if label else self.words


def behind(metric: str, label: str) -> tuple[str, str]:
    """(metric, label) of the value that a verdict is about; of what is no verdict, itself."""
    if not metric.startswith(VERDICT):
        return metric, label
    name, _, inner = label.partition(" ")
    return VALUE + name, inner


def named(slug: str) -> dict[tuple[str, str], Named]:
    """(service, metric) -> what its manifest calls it, of every reading that has numbers."""
    try:
        services = load(slug).services
    except (ManifestError, UnknownSystem, OSError):
        return {}
    return {
        (name, VALUE + r.name): Named(f"{r.name.replace('_', ' ').replace('-', ' ')} of {name}", r.unit)
        for name, service in services.items()
        for r in service.readings
        if not any(isinstance(w, str | bool) for w in (*(r.is_ or ()), *(r.is_not or ())))
    }
