"""Counters and a latency window, rendered as one flat JSON object."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter, deque


class Metrics:
    """`count("requests")`, `observe(ms)`, `snapshot()` -> {name: number}."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.window: deque[tuple[float, float, int]] = deque(maxlen=600)  # (at, ms, status)
        self.started = time.time()

    def count(self, name: str, by: int = 1) -> None:
        self.counters[name] += by

    def observe(self, ms: float, status: int) -> None:
        self.counters["requests_total"] += 1
        if status >= 500:
            self.counters["errors_total"] += 1
        self.window.append((time.monotonic(), ms, status))

    def snapshot(self, seconds: float = 10.0) -> dict[str, float]:
        since = time.monotonic() - seconds
        recent = [row for row in self.window if row[0] >= since]
        times = sorted(row[1] for row in recent)
        bad = sum(1 for row in recent if row[2] >= 500)
        return {
            **self.counters,
            "rps": round(len(recent) / seconds, 2),
            "p50_ms": round(times[len(times) // 2], 2) if times else 0.0,
            "p95_ms": round(times[int(len(times) * 0.95)], 2) if times else 0.0,
            "error_rate": round(bad / len(recent), 4) if recent else 0.0,
            "uptime_s": round(time.time() - self.started, 1),
            "rss_mb": round(rss_mb(), 1),
        }


def rss_mb() -> float:
    """Resident memory of this process in MiB (its peak where /proc is missing)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - read every second
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1_048_576
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1_048_576 if sys.platform == "darwin" else 1024)
