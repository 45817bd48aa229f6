"""The general signals of a system never seen: what can be told of any part from metrics, traces, logs and events alone.

A sign measured on a series has three grades,
because how far a value left what was normal says more than that it did: the
far ones seldom hold with nothing wrong (`leak`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incidents.signals.base import Author, Klass, Quality


@dataclass(frozen=True)
class Sign:
    """One entry of the catalogue; what the reasoner asks of a signal."""

    id: str
    title: str
    klass: Klass
    leak: float
    source: str = "metric"
    cost: float = 1.0
    trust: float = 1.0
    metric: str = ""
    author: Author = "self"
    changed: bool = False
    outright: bool = False
    lag_s: float = 30.0
    category: str = "general"
    moved_by: tuple[str, ...] = ()


@dataclass(slots=True)
class State:
    """One sign on one component. `value` None: nothing tells. `strength`: how far from normal, for equal signs."""

    signal: str
    service: str
    value: bool | None
    text: str
    onset: datetime | None = None
    source: str = "metric"
    label: str = ""
    reading_value: float | None = None
    fresh: datetime | None = None
    quality: Quality = "sure"
    author: Author = "self"
    slice: str = ""
    strength: float = 0.0


GRADES = ("", "_far", "_extreme")
_LEAKS = (0.12, 0.04, 0.012)
# What is measured, by kind of metric: (sign, class, title of the sign).
MEASURED: dict[str, tuple[str, Klass, str]] = {
    "cpu": ("cpu_high", "own", "{service} uses more CPU than before"),
    "memory": ("memory_high", "own", "{service} uses more memory than before"),
    "disk": ("disk_high", "own", "{service} reads, writes or stores more than before"),
    "loss": ("packets_lost", "own", "packets are lost at {service}"),
    "sockets": ("sockets_many", "own", "{service} holds more connections, sockets or threads than before"),
    "saturation": ("saturated", "own", "{service} is fuller or busier than before"),
    "restarts": ("restarted", "own", "{service} was restarted"),
    "up": ("not_up", "own", "{service} is not ready"),
    "gone": ("gone", "own", "{service} stopped reporting"),
    "latency own": ("slow_alone", "own", "{service} is slow by itself"),
    "errors own": ("errors_alone", "own", "{service} fails by itself"),
    "latency": ("slow", "slow", "{service} answers more slowly than before"),
    "errors": ("errors", "fails", "{service} fails more often than before"),
    "queue": ("queue_long", "starves", "work waits at {service}"),
    "traffic": ("traffic_more", "flow", "more work comes to {service} than before"),
    "traffic down": ("traffic_less", "flow", "less work goes through {service} than before"),
    "network": ("network_more", "flow", "{service} sends or receives more than before"),
    "log errors": ("log_errors_more", "words", "{service} writes more errors than before"),
}  # fmt: skip
# What is said outright, in logs, events and states: (sign, leak, title). The patterns are in `statements`.
SAID: dict[str, tuple[float, str]] = {
    "said_oom": (0.002, "{service} was killed for memory, or found none"),
    "said_image": (0.002, "the image of {service} cannot be had"),
    "said_no_room": (0.002, "no node has room for {service}"),
    "said_no_fit": (0.002, "no node fits the rules of {service}"),
    "said_quota": (0.002, "a quota refuses {service}"),
    "said_probe": (0.006, "a probe of {service} fails"),
    "said_node": (0.003, "node {service} is not ready"),
    "said_node_pressure": (0.006, "node {service} is short of memory, disk or processes"),
    "said_evicted": (0.004, "{service} was evicted"),
    "said_dns": (0.004, "{service} cannot resolve a name"),
    "said_config": (0.004, "{service} says that its configuration is wrong"),
    "said_mount": (0.005, "a volume of {service} cannot be mounted"),
    "said_rollout": (0.005, "a rollout of {service} makes no progress"),
    "said_crash": (0.01, "{service} exits and is started again"),
    "said_tls": (0.003, "{service} has trouble with a certificate"),
    "said_auth": (0.006, "{service} is not let in, or may not do it"),
    "said_full": (0.003, "{service} has no space left"),
    "said_pool": (0.005, "{service} has no free connection, file or thread"),
    "said_throttled": (0.01, "{service} is throttled"),
    "said_lock": (0.01, "{service} waits for locks"),
    "said_code": (0.01, "{service} hits an error in its own code"),
    "said_data": (0.01, "{service} meets data it cannot take"),
    "said_failover": (0.004, "{service} failed over"),
    "said_lag": (0.01, "a replica of {service} is behind"),
    "said_down": (0.01, "{service} is said to be down"),
    "said_refuses": (0.03, "{service} is said to refuse connections"),
    "said_times_out": (0.05, "{service} is said to answer too late"),
    "said_upstream": (0.05, "{service} has trouble with something it calls"),
}  # fmt: skip
OTHERS: dict[str, tuple[float, Klass, str]] = {
    "not_all_ready": (0.02, "fails", "fewer replicas of {service} are ready than wanted"),
    "first_to_change": (0.3, "own", "{service} is the first to have changed"),
    "stands_out": (0.1, "own", "{service} left normal further than all others"),
    "alerted": (0.25, "words", "an alert is about {service}"),
}


# Any change to a part may bring about what it does and says of itself, but for what comes to it.
CHANGES = ("commit", "deploy", "flag", "config", "schema", "maintenance", "limit")
UNMOVED = frozenset({"traffic_more", "traffic_less", "network_more", "log_errors_more"})


def _catalogue() -> dict[str, Sign]:
    found: dict[str, Sign] = {}
    for sign, klass, title in MEASURED.values():
        for grade, leak in zip(GRADES, _LEAKS, strict=True):
            name, words = sign + grade, title + (", by far" if grade else "")
            found[name] = Sign(name, words, klass, leak, moved_by=() if sign in UNMOVED else CHANGES)
    for sign, (leak, title) in SAID.items():
        found[sign] = Sign(sign, title, "own", leak, source="log", outright=True, moved_by=CHANGES)
    for sign, (leak, klass, title) in OTHERS.items():
        found[sign] = Sign(sign, title, klass, leak, source="state")
    return found


CATALOGUE = _catalogue()
