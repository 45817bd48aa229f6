"""The health of a service in one word, from its latest readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from systems.readings import Reading

Latest = Mapping[tuple[str, str], Reading]  # (metric, label) -> reading of one service

_DOWN = ("unit.up", "tcp.ok", "pg.ok", "redis.ok", "http.ok")
_WORDS = {
    "unit.up": "not running",
    "tcp.ok": "no connection",
    "pg.ok": "no connection",
    "redis.ok": "no connection",
    "http.ok": "no good answer",
    "ready.ok": "not ready",
    "config.valid": "configuration does not parse",
    "env.valid": "environment incomplete",
    "link.ok": "link down",
    "unit.fatal": "dead, and nothing brings it back",
    "proc.state": "process is stopped",
    "disk.used_pct": "disk full",
    "disk.inodes_pct": "out of inodes",
    "pg.connections_pct": "connections used up",
    "proc.rss_limit_pct": "close to its memory limit",
    "consistency.ok": "data does not agree",
}
_BAD_AT_0 = ("ready.ok", "config.valid", "env.valid", "link.ok", "consistency.ok")
_BAD_AT_1 = ("unit.fatal", "proc.state")
_FULL = {
    "disk.used_pct": 95.0,
    "disk.inodes_pct": 95.0,
    "pg.connections_pct": 95.0,
    "proc.rss_limit_pct": 95.0,
}


@dataclass(frozen=True, slots=True)
class Assessment:
    """`health`: ok, degraded, down or unknown; `reason`: why, for people."""

    health: str
    reason: str = ""
    latency_ms: float | None = None
    cpu_pct: float | None = None
    rss_mb: float | None = None
    error_rate: float | None = None


def assess(latest: Latest, slow_ms: float | None = None) -> Assessment:
    """Judge one service. Down: it does not run or does not answer at all. Unknown: nothing could be read."""
    health, reason = _judge(latest, slow_ms)
    return Assessment(
        health,
        reason[:300],
        latency_ms=_value(latest, "http.latency_ms", "pg.latency_ms", "tcp.connect_ms"),
        cpu_pct=_value(latest, "proc.cpu_pct"),
        rss_mb=_value(latest, "proc.rss_mb"),
        error_rate=_value(latest, "log.error_rate"),
    )


def _judge(latest: Latest, slow_ms: float | None) -> tuple[str, str]:
    if (fatal := _value(latest, "unit.fatal")) is not None and fatal > 0:
        return "down", _words(latest["unit.fatal", ""])
    for metric in _DOWN:
        found = latest.get((metric, ""))
        if found is not None and found.value == 0:
            # an error status is an answer: the service is there, though not well
            answered = metric == "http.ok" and found.text.startswith("status")
            return ("degraded" if answered else "down"), _words(found)
    for (metric, _), found in latest.items():
        if found.value is not None and _is_bad(metric, found.value):
            return "degraded", _words(found)
    latency = _value(latest, "http.latency_ms")
    if slow_ms is not None and latency is not None and latency > slow_ms:
        return "degraded", f"slow: {latency:.0f} ms"
    known = [latest[key] for key in ((m, "") for m in _DOWN) if key in latest]
    if known and all(found.value is None for found in known):
        return "unknown", known[0].text or "nothing could be read"
    return ("ok", "") if latest else ("unknown", "nothing was read yet")


def _is_bad(metric: str, value: float) -> bool:
    if metric in _BAD_AT_0:
        return value == 0
    if metric in _BAD_AT_1:
        return value == 1
    return metric in _FULL and value >= _FULL[metric]


def _words(found: Reading) -> str:
    what = _WORDS.get(found.metric, found.metric)
    if found.label:
        what += f" ({found.label})"
    return f"{what}: {found.text}" if found.text else what


def _value(latest: Latest, *metrics: str) -> float | None:
    for metric in metrics:
        found = latest.get((metric, ""))
        if found is not None and found.value is not None:
            return found.value
    return None


def by_service(readings: Iterable[Reading]) -> dict[str, dict[tuple[str, str], Reading]]:
    """Readings grouped by service, the later one winning."""
    grouped: dict[str, dict[tuple[str, str], Reading]] = {}
    for reading in readings:
        grouped.setdefault(reading.service, {})[reading.metric, reading.label] = reading
    return grouped
