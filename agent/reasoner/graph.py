"""Who needs whom: kinds, groups and hops, taken from a manifest once per diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Which field of a service in the manifest readings of a name, or of a family of names, come from.
_COMES_FROM = {
    "config": "config",
    "env": "env",
    "env.drift": "env.golden",
    "release": "release",
    "disk": "volumes",
    "unit": "unit",
    "proc": "unit",
    "child": "unit",
    "pg": "postgres",
    "redis": "redis",
    "queue": "redis.queues",
}


@dataclass
class SystemGraph:
    """`needs[a]` are the services `a` calls directly. Replicas of one logical service share a group name."""

    kinds: dict[str, str]
    needs: dict[str, set[str]]
    groups: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, set[str]] = field(
        default_factory=dict
    )  # service -> what carries the edges that end at it
    parts: Mapping[str, Any] = field(default_factory=dict, repr=False)  # what the manifest gives each service
    _cache: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, system: Any) -> SystemGraph:
        """From anything with `services: {name: .kind .group .depends_on}` and perhaps `manifest.links`."""
        if isinstance(system, SystemGraph):
            return system
        services: Mapping[str, Any] = system.services
        needs = {name: {d for d in s.depends_on if d in services} for name, s in services.items()}
        carriers: dict[str, set[str]] = {}
        for link in getattr(getattr(system, "manifest", None), "links", []):
            carriers.setdefault(link.target, set()).add(link.service)
            if link.source in needs and link.service in services and link.service != link.source:
                needs[link.source].add(link.service)
        groups: dict[str, list[str]] = {}
        for name, service in services.items():
            if service.group:
                groups.setdefault(service.group, []).append(name)
        return cls({n: s.kind for n, s in services.items()}, needs, groups, carriers, services)

    def lacks(self, service: str, metric: str) -> bool:
        """Whether the manifest gives `service` nothing that a metric of this name could be read from: there is no such
        thing, which is more than not having been able to read it."""
        part = self.parts.get(service)
        family = metric if metric in _COMES_FROM else metric.partition(".")[0]
        if part is None or family not in _COMES_FROM:
            return False
        for name in _COMES_FROM[family].split("."):
            part = getattr(part, name, None)
            if not part:
                return True
        return False

    @cached_property
    def _callers(self) -> dict[str, set[str]]:
        callers: dict[str, set[str]] = {n: set() for n in self.kinds}
        for name, others in self.needs.items():
            for other in others:
                callers.setdefault(other, set()).add(name)
        return callers

    def callers(self, members: Iterable[str]) -> dict[str, int]:
        """Everything that needs one of `members`, with its hops (1 = calls it directly)."""
        return self._walk("callers", members, self._callers)

    def dependencies(self, members: Iterable[str]) -> dict[str, int]:
        return self._walk("deps", members, self.needs)

    def peers(self, name: str) -> list[str]:
        """The other replicas of the same logical service."""
        return [o for members in self.groups.values() if name in members for o in members if o != name]

    def _walk(self, kind: str, members: Iterable[str], edges: Mapping[str, set[str]]) -> dict[str, int]:
        start = tuple(members)
        key = (kind, "\n".join(start))
        if key not in self._cache:
            hops: dict[str, int] = {}
            layer, step = set(start), 0
            while layer:
                step += 1
                layer = {o for n in layer for o in edges.get(n, ()) if o not in hops and o not in start}
                hops.update(dict.fromkeys(sorted(layer), step))
            self._cache[key] = hops
        return self._cache[key]
