"""Looks at one service: from samples of its sources to readings, and what of them was recognised."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from systems.manifest.types import Service
from systems.prom import figures
from systems.prom.own import known_to
from systems.prom.source import Source
from systems.prom.table import Table, bare, table
from systems.prom.text import Sample, name_of, sample
from systems.prom.traffic import Traffic
from systems.readings import Reading

MOST_SERIES = 5_000  # recognised ones; beyond them nothing is read
MOST_NAMES = 2_000
REPLICAS = 30
GONE_S = 300.0
HISTOGRAM = ("_bucket", "_count", "_sum", "_created")


@dataclass(slots=True)
class Look:
    """One answer, taken apart. `known`: names that are recognised; `unknown`: the others, told and not guessed at."""

    samples: list[Sample] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    broken: int = 0
    cut: bool = False

    @property
    def text(self) -> str:
        """In words: how much was recognised, and what is wrong with it."""
        words = f"{len(self.known)} metrics recognised, {len(self.unknown)} not"
        words += f"; {self.broken} lines cannot be read" if self.broken else ""
        return words + (f"; more than {MOST_SERIES} series, the others are left out" if self.cut else "")


def look(lines: Iterable[str], known: Table | None = None) -> Look:
    """Take an answer apart. Lines of unknown metrics are only counted, so that a huge one costs little."""
    found, known = Look(), known or table()
    names: dict[str, bool] = {}
    for line in lines:
        name = name_of(line)
        if not name:
            continue
        wanted = names.get(name)
        if wanted is None:
            wanted = known.knows(name)
            if len(names) < MOST_NAMES:
                names[name] = wanted
        if not wanted:
            if len(found.unknown) < MOST_NAMES:
                found.unknown.add(family(name, known))
            continue
        if len(found.samples) >= MOST_SERIES:
            found.cut = True
            continue
        taken = sample(line)
        if taken is None:
            found.broken += 1
        else:
            found.known.add(family(taken.name, known))
            found.samples.append(taken)
    return found


def family(name: str, known: Table | None = None) -> str:
    """The metric that a series belongs to: a histogram's parts are one."""
    name, known = bare(name), known or table()
    base = next((name.removesuffix(part) for part in HISTOGRAM if name.endswith(part)), name)
    return base if known.knows(base) or not known.knows(name) else name


class Reader:
    """What one service tells, look after look. `own`: paths that the watcher itself asks for."""

    def __init__(self, service: Service, own: Iterable[str] = ()) -> None:
        self._name = service.name
        self._own = frozenset(own)
        # What another probe of this very service reads itself is not read twice.
        better = (("proc.", service.unit), ("redis.", service.redis), ("pg.", service.postgres))
        self._without = tuple(prefix for prefix, there in better if there is not None)
        self.known = known_to(service.metrics.names if service.metrics is not None else [])
        self._traffic = Traffic(service.name, self.known)
        self.sources: dict[str, Source] = {}

    def take(self, samples: Sequence[Sample], at: float, *, replica: str = "", whole: bool = True) -> None:
        """Samples of one look at one replica, at `at` seconds."""
        source = self.sources.get(replica)
        if source is None:
            if len(self.sources) >= REPLICAS:
                return
            source = self.sources[replica] = Source(self._own, self.known)
        source.take(samples, at, whole=whole)

    def drop_gone(self, now: float, after_s: float = GONE_S) -> None:
        """Forget replicas that have told nothing for `after_s`."""
        for name in [n for n, s in self.sources.items() if now - (s.seen_at or now) > after_s]:
            del self.sources[name]

    def readings(self) -> list[Reading]:
        """All readings of the latest looks."""
        found = self._traffic.readings(self.sources)
        found += figures.readings(self._name, self.sources, self._without, self.known)
        return [r if r.value is None or math.isfinite(r.value) else replace(r, value=None) for r in found]
