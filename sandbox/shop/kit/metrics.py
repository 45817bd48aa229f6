"""What a service tells of itself at GET /metrics, as Prometheus text: by usual names where there are such."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import prometheus_client as prom
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from . import shipping
from .http import Response

PATH = "/metrics"
PREFIX = "shop"
# Seconds; what is told of a delay lies between two of them, so they are closest where a page begins to feel slow.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
STATES = ("closed", "open", "half-open")  # of a breaker

# name without `shop_`, labels, value; a name that ends with `_total` is a counter
Figure = tuple[str, Mapping[str, str], float]

prom.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """One registry for one process. `figures`: what it has in hand, asked each time somebody looks."""

    def __init__(self, figures: Callable[[], Iterable[Figure]] = tuple) -> None:
        self.registry = prom.CollectorRegistry()
        self.counters: Counter[str] = Counter()
        self._figures = figures
        prom.ProcessCollector(registry=self.registry)
        self.registry.register(_Told(self))

    def count(self, name: str, by: int = 1) -> None:
        """Add to the counter `shop_NAME_total`."""
        self.counters[name] += by

    def text(self) -> bytes:
        return prom.generate_latest(self.registry)

    def response(self) -> Response:
        return Response(200, self.text(), {"Content-Type": prom.CONTENT_TYPE_PLAIN_0_0_4})

    def figures(self) -> Iterator[Figure]:
        """Everything that is no request."""
        yield from self._figures()
        yield from shipping.figures()
        for name, count in list(self.counters.items()):
            yield f"{name}_total", {}, count


class Requests:
    """How many requests were answered and how long it took, by a bounded number of routes, methods and statuses."""

    def __init__(self, metrics: Metrics) -> None:
        labels = ("method", "route")
        self._count = prom.Counter(
            "http_requests", "Requests answered.", (*labels, "status"), registry=metrics.registry
        )
        self._took = prom.Histogram(
            "http_request_duration_seconds",
            "How long it took to answer.",
            labels,
            registry=metrics.registry,
            buckets=BUCKETS,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route`: a pattern of the service's own, never the path that somebody asked for."""
        method = method if method in METHODS else OTHER
        self._count.labels(method, route, str(status)).inc()
        self._took.labels(method, route).observe(seconds)


def state(name: str, holds: str, known: Iterable[str] = (), **labels: str) -> Iterator[Figure]:
    """A state as one series for each that is known: 1 for the one that holds."""
    for word in dict.fromkeys((*known, holds)):
        yield name, {**labels, "state": word}, float(word == holds)


class _Told(Collector):
    """Figures as families."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for name, labels, value in self._metrics.figures():
            family = families.get(name)
            if family is None:
                family = families[name] = _family(name, tuple(labels))
            family.add_metric(tuple(labels.values()), value)  # type: ignore[attr-defined]
        return families.values()


def _family(name: str, labels: tuple[str, ...]) -> Metric:
    if name.endswith("_total"):
        return CounterMetricFamily(
            f"{PREFIX}_{name.removesuffix('_total')}", "Since it started.", labels=labels
        )
    return GaugeMetricFamily(f"{PREFIX}_{name}", "Now.", labels=labels)
