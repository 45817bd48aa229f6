"""Requests of a service as readings: how many a second, the share that fails, how long they take; whole and by route.

app.rps, the shares app.error_rate, app.client_error_rate and app.turned_away (429), app.p50_ms, app.p95_ms (or
app.mean_ms, where no more is told than a sum and a count), app.status_429 (how many since the watch began); by route
app.error_rate, app.route_rps, app.route_p50_ms, app.route_p95_ms; by replica app.error_rate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from systems.prom import spans
from systems.prom.counting import Rise, Slot, quantile, together, weighted
from systems.prom.source import TOO_MANY, Source
from systems.prom.table import Table, table
from systems.readings import Reading

ROUTES = 12  # the most used ones; the others are one
OTHER = "other"
LEAST, LEAST_TAIL = 5, 20  # requests: of fewer no median, and no tail, is told
# A share of few requests is told only where so many failed: one that fails now and then is not trouble, and of a dozen
# routes one is always unlucky. Of many (so many times FEW) every share is told.
FAILED, FAILED_SLICE = 4, 5
FEW = 12.5


class Traffic:
    """The requests of one service, over all its replicas."""

    def __init__(self, service: str, known: Table | None = None) -> None:
        self.service = service
        self._used: Counter[str] = Counter()
        self._table = known or table()

    def readings(self, sources: Mapping[str, Source]) -> list[Reading]:
        """The readings now; none when nothing that counts requests was ever seen twice."""
        live = {name: s for name, s in sources.items() if s.window.latest is not None}
        metric = self._speaker(live.values())
        if metric is None:
            return []
        span = spans.telling(live.values(), metric)
        rates, total = together(s.window.over(span) for s in live.values())
        short, _ = together(s.window.over(spans.shortest([s])) for s in live.values())
        mine = {slot: count for slot, count in total.counts.items() if slot[0] == metric}
        rps = sum(rate for slot, rate in short.items() if slot[0] == metric)
        found = [Reading(self.service, "app.rps", round(rps, 3))]
        if any(metric in s.has_status for s in live.values()):
            found += self._shares(mine, "", FAILED)
            away = sum(s.turned_away[metric] for s in live.values())
            found.append(Reading(self.service, "app.status_429", float(round(away))))
        found += self._latency(live.values(), total)
        found += self._routes(live, metric, mine, rates, total)
        return found + self._replicas(live, metric, span)

    def _speaker(self, sources: Iterable[Source]) -> str | None:
        """The one metric that is taken for the count of requests: the first that tells statuses, or the first."""
        listed = list(sources)
        seen = {name for source in listed for name in source.told}
        tell = {name for source in listed for name in source.has_status}
        order = [r.name for r in self._table.requests] + [d.name for d in self._table.durations]
        named = [name for name in order if name in seen]
        return next((name for name in named if name in tell), named[0] if named else None)

    def _shares(self, counts: Mapping[Slot, float], label: str, least: int) -> list[Reading]:
        requests = sum(counts.values())
        failed = sum(n for slot, n in counts.items() if slot[2] == "5")
        away = sum(n for slot, n in counts.items() if slot[2] == TOO_MANY)
        refused = away + sum(n for slot, n in counts.items() if slot[2] == "4")
        named = [("app.error_rate", failed)]
        if not label:
            named += [("app.client_error_rate", refused), ("app.turned_away", away)]
        return [Reading(self.service, name, *_share(bad, requests, least), label) for name, bad in named]

    def _latency(self, sources: Iterable[Source], total: Rise) -> list[Reading]:
        listed = list(sources)
        seen = {name for source in listed for name in (*source.told, *source.shaped)}
        row = next((r for r in self._table.durations if r.name in seen), None)
        if row is None:
            return []
        count = sum(n for slot, n in total.counts.items() if slot[0] == row.name)
        spent = sum(s for key, s in total.sums.items() if key[0] == row.name)
        shaped = any(row.name in source.shaped for source in listed)
        told = {"p50_ms": 0.5, "p95_ms": 0.95} if shaped else {"mean_ms": 0.0}
        if 0 < count < LEAST:
            few = f"only {count:g} requests"
            return [Reading(self.service, f"app.{name}", None, few) for name in told]
        if not shaped:
            mean = round(row.scale * spent / count, 2) if count else 0.0
            return [Reading(self.service, "app.mean_ms", mean)] if spent or not count else []
        found = []
        for name, share in told.items():
            if share > 0.5 and 0 < count < LEAST_TAIL:
                found.append(Reading(self.service, f"app.{name}", None, f"only {count:g} requests"))
                continue
            tail = _tail(total, row.name, None, share, count) if count else (0.0, "no requests")
            if tail is not None:
                found.append(Reading(self.service, f"app.{name}", round(row.scale * tail[0], 2), tail[1]))
        return found

    def _routes(
        self,
        sources: Mapping[str, Source],
        metric: str,
        counts: Mapping[Slot, float],
        rates: Mapping[Slot, float],
        total: Rise,
    ) -> list[Reading]:
        """The most used routes, of more than one; those that are not among them together."""
        by_route: dict[str, dict[Slot, float]] = defaultdict(dict)
        for slot, count in counts.items():
            self._used[slot[1]] += count  # type: ignore[assignment]
            by_route[slot[1]][slot] = count
        if len(self._used) > 50 * ROUTES:
            self._used = Counter(dict(self._used.most_common(10 * ROUTES)))
        if not set(self._used) - {""} or len(self._used) < 2:
            return []
        top = {name for name, _ in self._used.most_common(ROUTES) if name}
        merged: dict[str, dict[Slot, float]] = {route: {} for route in top}
        for route, slots in by_route.items():
            merged.setdefault(route if route in top else OTHER, {}).update(slots)
        found = []
        tells = any(metric in source.has_status for source in sources.values())
        for route, slots in merged.items():
            found += self._shares(slots, route, FAILED_SLICE) if tells else []
            rate = sum(rates.get(slot, 0.0) for slot in slots)
            found.append(Reading(self.service, "app.route_rps", round(rate, 3), "", route))
            found += self._route_latency(total, route) if route in top else []
        return found

    def _route_latency(self, total: Rise, route: str) -> list[Reading]:
        for row in self._table.durations:
            count = sum(n for slot, n in total.counts.items() if slot[:2] == (row.name, route))
            told = (
                {q: _tail(total, row.name, route, q / 100, count) for q in (50, 95)} if count >= LEAST else {}
            )
            if found := {q: tail for q, tail in told.items() if tail is not None}:
                return [
                    Reading(self.service, f"app.route_p{q}_ms", round(row.scale * value, 2), text, route)
                    for q, (value, text) in found.items()
                ]
        return []

    def _replicas(self, sources: Mapping[str, Source], metric: str, span: float) -> list[Reading]:
        if len(sources) < 2:
            return []
        found = []
        for name, source in sorted(sources.items())[:ROUTES]:
            slots = {s: n for s, n in source.window.over(span)[1].counts.items() if s[0] == metric}
            if metric in source.has_status:
                found += self._shares(slots, f"replica {name}", FAILED_SLICE)
        return found


def _share(bad: float, requests: float, least: int) -> tuple[float | None, str]:
    """A share and its text. Where few of few failed nobody can tell yet: unknown."""
    if not bad:
        return 0.0, "" if requests else "no requests"
    if bad < least and requests < least * FEW:
        return None, f"{bad:g} of only {requests:g} requests failed"
    return round(bad / requests, 4), ""


def _tail(
    total: Rise, metric: str, route: str | None, share: float, count: float
) -> tuple[float, str] | None:
    """(seconds, or what the metric is in; a text) by buckets, else by what a summary says itself."""
    bounds: dict[float, float] = {}
    for (name, of), held in total.buckets.items():
        if name == metric and route in (None, of):
            for bound, n in held.items():
                bounds[bound] = bounds.get(bound, 0.0) + n
    if (found := quantile(share, bounds, count)) is not None:
        return found[0], "at least: it is beyond the last bucket" if found[1] else ""
    rows = [
        row
        for (name, of), told in total.quantiles.items()
        if name == metric and route in (None, of)
        for row in told
    ]
    if share >= 0.9:
        tails = {q for q, _, _ in rows if 0.9 <= q <= 0.99}
        share = min(tails, key=lambda q: abs(q - share)) if tails else share
    value = weighted(share, [(v, w) for q, v, w in rows if abs(q - share) < 1e-6])
    return (
        None if value is None else (value, "" if share in (0.5, 0.95) else f"of {share:.0%} of the requests")
    )
