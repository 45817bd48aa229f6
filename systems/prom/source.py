"""One source of samples (a process, a replica), look after look: what its counters rose by, and its gauges now."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from systems.prom.counting import GAP_S, Memory, Rise, Window
from systems.prom.table import Table, bare, first, table
from systems.prom.text import Sample
from systems.readings import clean

ROUTE_LIMIT = 80
TOO_MANY = "429"
_CLASS = re.compile(r"^([1-5])(?:\d\d|xx)?$", re.I)
_FAILED = {"UNKNOWN", "INTERNAL", "UNAVAILABLE", "DATALOSS", "DEADLINEEXCEEDED", "UNIMPLEMENTED", "ABORTED"}
_REFUSED = {"CANCELED", "CANCELLED", "INVALIDARGUMENT", "NOTFOUND", "ALREADYEXISTS", "PERMISSIONDENIED",
"UNAUTHENTICATED", "FAILEDPRECONDITION", "OUTOFRANGE"}  # fmt: skip
_GRPC = {"2": "5", "4": "5", "10": "5", "12": "5", "13": "5", "14": "5", "15": "5", "8": TOO_MANY, "0": "2"}


def answer_class(labels: Mapping[str, str], names: Sequence[str]) -> str:
    """`2`, `3`, `4`, `429`, `5`: of what kind the answer is that a series counts; "" when its labels do not say."""
    name = next((n for n in names if labels.get(n)), "")
    text = labels.get(name, "")
    if "grpc" in name and text.isdigit() and len(text) <= 2:
        return _GRPC.get(text, "4")
    if text == TOO_MANY:
        return TOO_MANY
    if found := _CLASS.match(text):
        return found[1]
    word = re.sub(r"[\s_-]", "", text).upper()
    if word in _FAILED:
        return "5"
    if word == "RESOURCEEXHAUSTED":
        return TOO_MANY
    return "4" if word in _REFUSED else "2" if word == "OK" else ""


def route_of(labels: Mapping[str, str], known: Table) -> str:
    """What a series is about, as `GET /orders`; without what stands behind a `?`. "" when its labels do not say."""
    path = first(labels, known.labels.route)
    try:
        path = urlsplit(path).path or path
    except ValueError:
        path = path.partition("?")[0]
    path = path.partition("?")[0].partition("#")[0]
    return clean(f"{first(labels, known.labels.method)} {path}" if path else "", ROUTE_LIMIT)


class Source:
    """Counts what one source tells. `own`: paths that the watcher itself asks for; they are not counted. `known`: the
    names that mean something; the usual ones without it."""

    def __init__(self, own: frozenset[str] = frozenset(), known: Table | None = None) -> None:
        self.window = Window()
        self.gauges: dict[str, list[Sample]] = {}
        self.told: set[str] = set()  # metrics that count requests here, by their bare names
        self.has_status: set[str] = set()  # those of them that tell what became of the requests
        self.shaped: set[str] = set()  # durations that tell more than a sum and a count
        self.turned_away: Counter[str] = Counter()  # requests answered 429 since the watch began, by metric
        self.seen_at: float | None = None
        self.gap_s = 0.0
        self._memory = Memory()
        self._table = known or table()
        self._own = own | set(self._table.own.paths)
        self._only = {r.name: r.only for r in self._table.requests if r.only}
        self._only |= {d.name: d.only for d in self._table.durations if d.only}
        self._durations = {row.name for row in self._table.durations}
        self._requests = {row.name for row in self._table.requests}
        self._counted = {row.name for row in self._table.rates}
        self._counted |= {n for s in self._table.shares if s.counted for n in (s.top, *s.bottom)}

    def take(self, samples: Iterable[Sample], at: float, *, whole: bool = True) -> None:
        """Samples of one look at `at` (seconds; later at each call). `whole`: none was left out."""
        before, self.seen_at = self.seen_at, at
        if before is not None and not 0 < at - before <= max(GAP_S, 4 * self.gap_s):
            before = None
            self._memory.forget()
            self.window.clear()
        by_key: dict[str, Sample] = {}
        for sample in samples:
            by_key.setdefault(sample.key, sample)
        self.gauges = defaultdict(list)
        for sample in by_key.values():
            if math.isfinite(sample.value):
                self.gauges[bare(sample.name)].append(sample)
        rises = self._memory.rises(
            ((key, s.value) for key, s in by_key.items() if self._is_counter(s)), whole=whole
        )
        if before is not None:
            self.gap_s = at - before
            self.window.add(before, at, self._rise(by_key, rises))

    def _is_counter(self, sample: Sample) -> bool:
        name = bare(sample.name)
        if name in self._requests or name in self._counted:
            return True
        return any(
            name.endswith(p) and name[: -len(p)] in self._durations for p in ("_bucket", "_count", "_sum")
        )

    def _rise(self, samples: Mapping[str, Sample], rises: Mapping[str, float]) -> Rise:
        found = Rise()
        weights: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for key, rose in rises.items():
            sample = samples[key]
            name, (base, part) = bare(sample.name), self._parts(sample.name)
            if self._is_own(sample.labels) or not self._is_meant(base or name, sample.labels):
                continue
            if name in self._counted:
                found.counts[name, "", ""] += rose  # type: ignore[assignment]
            if part == "_bucket":
                self.shaped.add(base)
            elif name in self._requests or part == "_count":
                self._note(base if part else name, sample)
            if rose:  # what stands still is most of it, and costs nothing
                self._add(found, sample, rose)
                if part == "_count":
                    weights[base, frozenset(sample.labels.items())] = rose
        self._quantiles(found, weights)
        return found

    def _note(self, metric: str, sample: Sample) -> None:
        self.told.add(metric)
        if metric not in self.has_status and answer_class(sample.labels, self._table.labels.status):
            self.has_status.add(metric)

    def _add(self, found: Rise, sample: Sample, rose: float) -> None:
        name, (base, part) = bare(sample.name), self._parts(sample.name)
        route = route_of(sample.labels, self._table)
        if part == "_bucket":
            self._bucket(found, base, route, sample, rose)
        elif part == "_sum":
            found.sums[base, route] += rose  # type: ignore[assignment]
        elif name in self._requests or part == "_count":
            slot, klass = base if part else name, answer_class(sample.labels, self._table.labels.status)
            if klass == TOO_MANY:
                self.turned_away[slot] += rose  # type: ignore[assignment]
            found.counts[slot, route, klass] += rose  # type: ignore[assignment]

    def _parts(self, name: str) -> tuple[str, str]:
        """The name of a histogram or summary, and which part of it this is; ("", "") of others."""
        for part in ("_bucket", "_count", "_sum"):
            if name.endswith(part) and name[: -len(part)] in self._durations:
                return name[: -len(part)], part
        return "", ""

    def _is_own(self, labels: Mapping[str, str]) -> bool:
        if any(labels.get(name) in values for name, values in self._table.own.labels.items()):
            return True
        path = first(labels, self._table.labels.route)
        return bool(path) and path in self._own

    def _is_meant(self, name: str, labels: Mapping[str, str]) -> bool:
        return all(labels.get(k) == v for k, v in self._only.get(name, {}).items())

    def _bucket(self, found: Rise, base: str, route: str, sample: Sample, rose: float) -> None:
        try:
            bound = float(sample.labels.get("le", ""))
        except ValueError:
            return
        if not math.isnan(bound):
            bounds = found.buckets.setdefault((base, route), {})
            bounds[bound] = bounds.get(bound, 0.0) + rose

    def _quantiles(
        self, found: Rise, weights: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    ) -> None:
        """What summaries say of their latest requests, each weighed by how many these were."""
        for base in self._durations:
            for sample in self.gauges.get(base, ()):
                try:
                    share = float(sample.labels["quantile"])
                except (KeyError, ValueError):
                    continue
                self.shaped.add(base)
                rest = frozenset((k, v) for k, v in sample.labels.items() if k != "quantile")
                weight = weights.get((base, rest), 0.0)
                if weight > 0 and sample.value >= 0:
                    route = route_of(sample.labels, self._table)
                    found.quantiles.setdefault((base, route), []).append((share, sample.value, weight))
