"""A simulated system with one fault in it, for writing it down in the formats of others."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

T0 = 1_766_000_000  # 2025-12-17
EDGES = [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 2), (2, 6), (3, 7), (5, 8), (4, 9)]
NAMES = {
    "boutique": ["frontend", "checkoutservice", "cartservice", "adservice", "paymentservice", "shippingservice",
                 "redis-cart", "recommendationservice", "emailservice", "currencyservice"],
    "tickets": ["ts-ui-gateway", "ts-travel-service", "ts-seat-service", "ts-news-service", "ts-order-service",
                "ts-route-service", "ts-seat-mongo", "ts-ticketinfo-service", "ts-config-service", "ts-price-service"],
    "bank": ["apache01", "Tomcat01", "MG01", "IG01", "Tomcat02", "MG02", "Redis02", "Mysql01", "Mysql02", "Redis01"],
    "odd": ["edge_proxy", "quote_engine", "ledger", "mailer", "fx", "vault_gw", "ledger_db", "tmpl", "hsm", "fx_feed"],
}  # fmt: skip
FAULTS = ("cpu", "memory", "disk", "delay", "loss", "sockets", "errors", "crash")
METRICS = ("cpu", "memory", "disk", "sockets", "requests", "latency", "errors", "network")
STEP = 5


@dataclass
class Span:
    trace: str
    id: str
    parent: str
    service: str
    at: float
    took: float
    failed: bool


@dataclass
class Shop:
    """`metrics[service][metric]` has a value for each of `times`."""

    names: list[str]
    culprit: str
    fault: str
    inject: int
    times: list[int]
    metrics: dict[str, dict[str, list[float]]]
    spans: list[Span] = field(default_factory=list)
    logs: list[tuple[float, str, str, str]] = field(default_factory=list)  # at, service, level, text

    @property
    def edges(self) -> list[tuple[str, str]]:
        return [(self.names[a], self.names[b]) for a, b in EDGES]


def make(fault: str, culprit: int, *, seed: int = 1, names: str = "boutique", minutes: int = 20, spans: bool = False,
         strength: float = 1.0, healthy: bool = False) -> Shop:  # fmt: skip
    rng = random.Random(f"{fault}{culprit}{seed}{names}")
    who = NAMES[names]
    inject = T0 + minutes * 30 + rng.randrange(60)
    times = list(range(T0, T0 + minutes * 60, STEP))
    callers = _callers()
    base = {n: _base(rng) for n in who}
    metrics: dict[str, dict[str, list[float]]] = {n: {m: [] for m in METRICS} for n in who}
    for t in times:
        on = t >= inject and not healthy
        ramp = min((t - inject) / 30, 1.0) if on else 0.0
        rush = 1 + 0.15 * rng.gauss(0, 1) * 0.5
        for i, n in enumerate(who):
            row = {m: base[n][m] * rush ** (m in ("cpu", "requests", "network")) * (1 + 0.06 * rng.gauss(0, 1))
                   for m in METRICS}  # fmt: skip
            row["memory"] = base[n]["memory"] * (1 + 0.01 * rng.gauss(0, 1))
            row["errors"] = max(0.0, base[n]["errors"] * (1 + rng.gauss(0, 1)))
            if rng.random() < 0.01:
                row["latency"] *= rng.uniform(1.5, 3)
            if on:
                _hurt(row, fault, ramp * strength, i, culprit, callers, base[n], rng)
            for m in METRICS:
                metrics[n][m].append(max(row[m], 0.0))
    shop = Shop(who, who[culprit], fault, inject, times, metrics)
    if spans:
        _trace(shop, culprit, rng, healthy)
    _log(shop, culprit, rng, healthy)
    return shop


def _base(rng: random.Random) -> dict[str, float]:
    return {"cpu": rng.uniform(0.02, 0.4), "memory": rng.uniform(4e7, 6e8), "disk": rng.uniform(2e3, 8e4),
            "sockets": rng.uniform(8, 90), "requests": rng.uniform(5, 60), "latency": rng.uniform(0.004, 0.12),
            "errors": rng.choice([0.0, 0.0, 0.01, 0.05]), "network": rng.uniform(1e4, 9e5)}  # fmt: skip


def _callers() -> dict[int, dict[int, int]]:
    """callers[b]: who needs b, with hops."""
    found: dict[int, dict[int, int]] = {}
    for b in range(10):
        hops, layer = {}, {b}
        for step in (1, 2, 3):
            layer = {x for x, y in EDGES if y in layer} - hops.keys()
            hops.update(dict.fromkeys(layer, step))
        found[b] = hops
    return found


def _hurt(row, fault, ramp, i, culprit, callers, base, rng) -> None:
    mine = i == culprit
    near = callers[culprit].get(i)
    slow = {
        "cpu": 6,
        "memory": 1.2,
        "disk": 2.5,
        "delay": 12,
        "loss": 5,
        "sockets": 2,
        "errors": 0.1,
        "crash": 1,
    }[fault]
    fails = {
        "cpu": 0.2,
        "memory": 0.2,
        "disk": 0.3,
        "delay": 0.3,
        "loss": 2,
        "sockets": 1.5,
        "errors": 8,
        "crash": 9,
    }[fault]
    if mine:
        row["latency"] *= 1 + slow * ramp
        row["errors"] += fails * ramp * rng.uniform(0.6, 1.4)
        row["requests"] *= 1 - 0.15 * ramp
        if fault == "cpu":
            row["cpu"] += ramp * rng.uniform(1.5, 4)
        elif fault == "memory":
            row["memory"] *= 1 + 3 * ramp
            row["cpu"] *= 1 + 0.5 * ramp
        elif fault == "disk":
            row["disk"] = row["disk"] * (1 + 20 * ramp) + 5e6 * ramp
            row["cpu"] *= 1 + 0.3 * ramp
        elif fault == "sockets":
            row["sockets"] *= 1 + 9 * ramp
        elif fault == "loss":
            row["network"] *= 1 - 0.4 * ramp
        elif fault == "crash" and ramp > 0.3:
            gone = ("cpu", "memory", "requests", "network", "sockets", "latency", "errors")
            row.update(dict.fromkeys(gone, 0.0))
    elif near is not None:
        share = 0.75**near
        added = {
            "cpu": 2.5,
            "memory": 0.5,
            "disk": 1,
            "delay": 5,
            "loss": 2.2,
            "sockets": 1,
            "errors": 0.05,
            "crash": 1.2,
        }[fault]
        row["latency"] *= 1 + added * share * ramp
        row["errors"] += fails * 0.6 * share * ramp * rng.uniform(0.6, 1.4)
        row["requests"] *= 1 - 0.1 * ramp
        row["cpu"] *= 1 - 0.08 * ramp
        row["sockets"] *= 1 + 0.25 * share * ramp


def _trace(shop: Shop, culprit: int, rng: random.Random, healthy: bool) -> None:
    """Requests down the tree; the culprit is slow or fails by itself, and whoever called it with it."""
    below: dict[int, list[int]] = {}
    for a, b in EDGES:
        below.setdefault(a, []).append(b)
    for number, t in enumerate(range(shop.times[0], shop.times[-1], 4)):
        bad = t >= shop.inject and not healthy
        _call(shop, 0, "", f"{number:032x}", t + rng.random(), below, culprit, bad, rng)


def _call(shop, i, parent, trace, at, below, culprit, bad, rng) -> tuple[float, bool]:
    span = f"{rng.getrandbits(64):016x}"
    own = rng.uniform(0.002, 0.02)
    failed = rng.random() < 0.002
    if bad and i == culprit:
        own += {
            "delay": 0.4,
            "cpu": 0.25,
            "disk": 0.2,
            "memory": 0.08,
            "loss": 0.3,
            "sockets": 0.15,
            "errors": 0.0,
            "crash": 0.0,
        }[shop.fault]
        failed = failed or (shop.fault in ("errors", "crash") and rng.random() < 0.7)
    took, start = own, at + own / 2
    for other in below.get(i, []):
        if rng.random() < 0.8:
            child, broke = _call(shop, other, span, trace, start, below, culprit, bad, rng)
            took, start, failed = took + child, start + child, failed or broke
    shop.spans.append(Span(trace, span, parent, shop.names[i], at, took, failed))
    return took, failed


def _log(shop: Shop, culprit: int, rng: random.Random, healthy: bool) -> None:
    words = {"memory": "java.lang.OutOfMemoryError: Java heap space", "sockets": "too many open files",
             "errors": "NullReferenceException: Object reference not set to an instance of an object",
             "disk": "write failed: no space left on device"}  # fmt: skip
    for t in shop.times[::2]:
        for i, n in enumerate(shop.names):
            shop.logs.append(
                (
                    t + rng.random(),
                    n,
                    "info",
                    f"handled request id={rng.getrandbits(40):x} in {rng.randint(1, 90)} ms",
                )
            )
            if rng.random() < 0.02:
                shop.logs.append(
                    (
                        t + rng.random(),
                        n,
                        "warn",
                        f"slow client {rng.randint(1, 250)}.{rng.randint(1, 250)}.0.1, retrying",
                    )
                )
            if (
                t >= shop.inject
                and not healthy
                and i == culprit
                and shop.fault in words
                and rng.random() < 0.5
            ):
                shop.logs.append((t + rng.random(), n, "error", words[shop.fault]))
