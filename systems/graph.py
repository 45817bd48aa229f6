"""Who needs whom in a system: kinds, groups, links and hops. Pure data; built once per manifest, or from plain names.

An edge leads from a part to what it needs: what it calls, or who writes the artefact (a file, queue or table) it reads.
Trouble moves against the edges. Replicas of one logical part share a group. The machine that parts run on is a part
of its own kind: what it is short of reaches them, and nothing that is looked for around them is looked for there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

By = Literal["", "calls", "artefacts"]
HOST = "host"  # the kind of the part that is a machine
KEPT = 1024  # walks from several parts at once that are remembered
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
    "port": "unit",
    "redis": "redis",
    "queue": "redis.queues",
}
_ADDRESSED = ("http", "ready", "metrics", "control")  # the fields of a service that may have a `url`
TLS = "https:"

Edges = dict[str, tuple[str, ...]]


class SystemGraph:
    """`needs[a]` are the parts `a` needs directly; `artefacts[a, b]` names what `a` reads that `b` writes, for edges
    that are no calls. `links[b]` carry the calls that end at `b`. `runs[m]`: what runs on the machine `m`; they are its
    callers, and it is none of what they need. Names that only an edge has are parts of no kind."""

    def __init__(
        self,
        kinds: Mapping[str, str],
        needs: Mapping[str, Iterable[str]],
        groups: Mapping[str, Iterable[str]] | None = None,
        links: Mapping[str, Iterable[str]] | None = None,
        parts: Mapping[str, Any] | None = None,
        artefacts: Mapping[tuple[str, str], str] | None = None,
        runs: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        ends = [*needs, *(other for others in needs.values() for other in others)]
        self.runs = {machine: tuple(names) for machine, names in (runs or {}).items()}
        self.kinds: dict[str, str] = {**dict.fromkeys(ends, ""), **kinds, **dict.fromkeys(self.runs, HOST)}
        self.needs: Edges = {n: tuple(dict.fromkeys(needs.get(n, ()))) for n in self.kinds}
        self.groups: dict[str, list[str]] = {g: list(members) for g, members in (groups or {}).items()}
        self.links: dict[str, set[str]] = {n: set(carriers) for n, carriers in (links or {}).items()}
        self.parts = parts or {}  # what the manifest gives each part
        self.journeys_by_tls = False  # whether customers come by TLS, to whichever part
        self.artefacts = dict(artefacts or {})
        self._group_of = {name: group for group, members in self.groups.items() for name in members}
        self._part_of = _connected(self.needs)
        self._part_of |= {m: self._part_of[names[0]] for m, names in self.runs.items() if names}
        forward = {by: self._of_kind(by) for by in ("", "calls", "artefacts")}
        self._edges: dict[tuple[str, bool], Edges] = {}
        for by, edges in forward.items():
            self._edges[by, True], self._edges[by, False] = edges, _turned(edges)
            if by != "artefacts":
                self._edges[by, False].update(self.runs)
        self._hops = lru_cache(maxsize=KEPT)(self._walk)

    @classmethod
    def of(cls, system: Any) -> SystemGraph:
        """The graph of a loaded system, or of anything with `services: {name: .kind .group .depends_on .reads .writes}`
        and perhaps `manifest.links`; a graph itself is passed through."""
        if isinstance(system, SystemGraph):
            return system
        known = getattr(system, "graph", None)
        return known if isinstance(known, SystemGraph) else cls.build(system)

    @classmethod
    def build(cls, system: Any) -> SystemGraph:
        """As `of`, made anew."""
        services: Mapping[str, Any] = system.services
        needs = {n: dict.fromkeys(d for d in s.depends_on if d in services) for n, s in services.items()}
        carriers: dict[str, set[str]] = {}
        for link in getattr(getattr(system, "manifest", None), "links", []):
            carriers.setdefault(link.target, set()).add(link.service)
            for other in (link.service, link.target):
                if link.source in needs and other in services and other != link.source:
                    needs[link.source][other] = None
        artefacts = _artefacts(services)
        artefacts = {edge: what for edge, what in artefacts.items() if edge[1] not in needs[edge[0]]}
        for reader, writer in artefacts:
            needs[reader][writer] = None
        groups: dict[str, list[str]] = {}
        for name, service in services.items():
            if service.group:
                groups.setdefault(service.group, []).append(name)
        kinds, parts, host = (
            {n: s.kind for n, s in services.items()},
            services,
            getattr(system, "machine", None),
        )
        runs = {host.name: [n for n, s in services.items() if s.unit]} if host is not None else {}
        parts = {**services, host.name: host} if host is not None else services
        graph = cls(kinds, needs, groups, carriers, parts, artefacts, runs)
        journeys = getattr(getattr(system, "manifest", None), "journeys", ())
        graph.journeys_by_tls = any(
            (s.get or s.post or "").startswith(TLS) for j in journeys for s in j.steps
        )
        return graph

    # -- walks -------------------------------------------------------------------------------------------------

    def callers(self, members: Iterable[str], by: By = "") -> Mapping[str, int]:
        """Everything that needs one of `members`, with its hops (1 = directly). `by` takes edges of one kind only."""
        return self._hops(tuple(members), by, False)

    def dependencies(self, members: Iterable[str], by: By = "") -> Mapping[str, int]:
        """Everything that one of `members` needs, with its hops."""
        return self._hops(tuple(members), by, True)

    def near(self, members: Iterable[str], hops: int) -> set[str]:
        """`members` and whatever is at most so many edges away, in either direction."""
        found = layer = set(members) & self.kinds.keys()
        forward, back = self._edges["", True], self._edges["", False]
        for _ in range(hops):
            layer = {o for n in layer for o in (*forward[n], *back[n])} - found
            found = found | layer
        return found

    def _walk(self, start: tuple[str, ...], by: By, forward: bool) -> Mapping[str, int]:
        edges = self._edges[by, forward]
        hops: dict[str, int] = {}
        layer, step = set(start), 0
        while layer:
            step += 1
            layer = {o for n in layer for o in edges.get(n, ()) if o not in hops and o not in start}
            hops.update(dict.fromkeys(sorted(layer), step))
        return hops

    def _of_kind(self, by: str) -> Edges:
        if not by:
            return self.needs
        return {
            n: tuple(o for o in others if ((n, o) in self.artefacts) == (by == "artefacts"))
            for n, others in self.needs.items()
        }

    def around(self, members: Iterable[str], scope: str) -> Mapping[str, int]:
        """The parts a scope means, seen from `members`, with their hops: "" themselves, callers, deps, group (their
        other replicas), links (what carries the calls to them). Any other scope: none."""
        here = tuple(members)
        if scope == "callers":
            return self.callers(here)
        if scope == "deps":
            return self.dependencies(here)
        found: Iterable[str] = here if not scope else ()
        if scope == "group":
            found = sorted({p for m in here for p in self.peers(m)} - set(here))
        elif scope == "links":
            found = sorted({c for m in here for c in self.links.get(m, ())})
        return dict.fromkeys(found, 1)

    # -- names -------------------------------------------------------------------------------------------------

    def part(self, name: str) -> str:
        """The connected part of the graph `name` is in, named after its first member; a stranger is its own."""
        return self._part_of.get(name, name)

    def peers(self, name: str) -> list[str]:
        """The other replicas of the same logical part."""
        return [o for o in self.groups.get(self._group_of.get(name, ""), ()) if o != name]

    def component(self, name: str) -> str:
        """The logical part: the group where there is one, else the name itself."""
        return self._group_of.get(name, name)

    def members(self, name: str) -> list[str]:
        """The parts meant by `name`: the members of a group, or the one; [] when there is neither."""
        return self.groups.get(name) or ([name] if name in self.kinds else [])

    def lacks(self, name: str, metric: str) -> bool:
        """Whether the manifest gives `name` nothing that a metric of this name could be read from: there is no such
        thing, which is more than not having been able to read it."""
        part = self.parts.get(name)
        family = metric if metric in _COMES_FROM else metric.partition(".")[0]
        if part is not None and family == "tls":
            return not self.journeys_by_tls and not _shows_certificates(part)
        if part is None or family not in _COMES_FROM:
            return False
        for field in _COMES_FROM[family].split("."):
            part = getattr(part, field, None)
            if not part:
                return True
        return False


def _shows_certificates(part: Any) -> bool:
    urls = (getattr(getattr(part, field, None), "url", None) or "" for field in _ADDRESSED)
    return any(u.startswith(TLS) for u in urls) or bool(getattr(getattr(part, "state", None), "tls", ()))


def _artefacts(services: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(reader, writer) -> the artefact, as the manifest says it. A queue's worker reads the queue."""
    readers: dict[str, dict[str, None]] = {}
    writers: dict[str, list[str]] = {}
    for name, service in services.items():
        for what in getattr(service, "reads", ()):
            readers.setdefault(what, {})[name] = None
        for what in getattr(service, "writes", ()):
            writers.setdefault(what, []).append(name)
        redis = getattr(service, "redis", None)
        for queue in redis.queues if redis else ():
            if queue.worker in services:
                readers.setdefault(queue.name, {})[queue.worker] = None
    found: dict[tuple[str, str], str] = {}
    for what, names in readers.items():
        for writer in writers.get(what, ()):
            found.update({(n, writer): what for n in names if n != writer and (n, writer) not in found})
    return found


def _turned(edges: Edges) -> Edges:
    back: dict[str, list[str]] = {name: [] for name in edges}
    for name, others in edges.items():
        for other in others:
            back[other].append(name)
    return {name: tuple(others) for name, others in back.items()}


def _connected(edges: Edges) -> dict[str, str]:
    """Each name -> the first name of its connected part."""
    back = _turned(edges)
    found: dict[str, str] = {}
    for first in edges:
        todo = [] if first in found else [first]
        while todo:
            name = todo.pop()
            if name not in found:
                found[name] = first
                todo += [*edges[name], *back[name]]
    return found
