"""What only the metrics of a service tell: single routes, pools, the heap, and whether it is scraped at all."""

from incidents.signals.adaptive import Baseline
from incidents.signals.base import ALWAYS, Hold, Signal
from incidents.signals.detectors import Above, Equals, While

SIGNALS = [
    Signal(
        "route_slow",
        "half of the requests to {label} of {service} take over {value} ms",
        "app.route_p50_ms",
        Baseline(5, 300, learn=8, zero_is_idle=True),
        "api",
        hold=Hold(4),
        settle=True,
        klass="slow",
        timing=ALWAYS,
    ),
    Signal(
        "scrape_failed",
        "Prometheus gets no answer from {service} ({label})",
        "app.up",
        Equals(0),
        "api",
        source="probe",
        hold=Hold(2, 8),
        settle=True,
        klass="refuses",
        trust=0.8,
        moved_by=("route", "name", "spec"),
    ),
    Signal(
        "pool_exhausted",
        "all connections of a pool of {service} are in use, and requests wait for one",
        "app.pool_pct",
        While("app.pool_waiting", 1, 99.5, 90),
        "api",
        severity="high",
        hold=Hold(3),
        klass="starves",
        moved_by=("config", "setting", "limit", "release"),
    ),
    Signal(
        "heap_short",
        "{service} has {value} % of its heap in use and does little else than to clean it up",
        "app.heap_pct",
        While("app.gc_pct", 20, 92, 85),
        "api",
        severity="high",
        hold=Hold(3, 10),
        klass="own",
        moved_by=("limit", "config", "release"),
    ),
    Signal(
        "files_near_limit",
        "{service} has nearly as many files and connections open as it may ({value} %)",
        "proc.fds_pct",
        Above(90, 85),
        "container",
        severity="high",
        hold=Hold(3),
        klass="own",
        moved_by=("limit", "spec"),
    ),
]
