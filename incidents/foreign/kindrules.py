"""How far a metric of a kind must leave normal to be a sign of each grade: (spreads, relative change)."""

from __future__ import annotations

# kind: ((z, relative) of grades 1, 2, 3)
LIMITS: dict[str, tuple[tuple[float, float], ...]] = {
    "cpu": ((5, 0.4), (10, 1.0), (25, 4.0)),
    "memory": ((5, 0.12), (10, 0.4), (25, 1.5)),
    "disk": ((5, 0.5), (12, 2.0), (30, 8.0)),
    "loss": ((5, 0.5), (12, 3.0), (30, 10.0)),
    "sockets": ((5, 0.35), (12, 1.0), (30, 4.0)),
    "saturation": ((5, 0.4), (12, 1.2), (30, 5.0)),
    "restarts": ((3, 0.5), (6, 1.0), (50, 5.0)),
    "latency": ((5, 0.4), (12, 1.5), (30, 6.0)),
    "latency own": ((5, 0.4), (12, 1.5), (30, 6.0)),
    "errors": ((4, 0.6), (10, 2.0), (30, 10.0)),
    "errors own": ((4, 0.6), (10, 2.0), (30, 10.0)),
    "queue": ((5, 1.0), (12, 3.0), (30, 20.0)),
    "traffic": ((6, 0.6), (15, 2.0), (40, 6.0)),
    "traffic down": ((6, 0.5), (15, 0.85), (40, 0.98)),
    "network": ((6, 0.8), (15, 3.0), (40, 10.0)),
    "up": ((3, 0.05), (6, 0.4), (6, 0.9)),
    "log errors": ((4, 1.0), (10, 4.0), (30, 20.0)),
}
# Of the largest usual value that any component has of the same metric: what a change is at least measured against.
FLOOR = {
    "latency": 0.05,
    "latency own": 0.05,
    "errors": 0.05,
    "errors own": 0.05,
    "memory": 0.03,
    "cpu": 0.04,
}
FLOOR_ELSE = 0.03
# The least that counts as a change at all, whatever the rest: shares of errors, and rates that are next to nothing.
LEAST_SHARE = 0.02
UP_MATTERS = frozenset({"cpu", "memory", "disk", "loss", "sockets", "saturation", "restarts", "latency",
"latency own", "errors", "errors own",
                        "queue", "network", "log errors"})  # fmt: skip


def grade(kind: str, z: float, relative: float) -> int:
    """0: no sign; 1 to 3."""
    found = 0
    for number, (least_z, least_relative) in enumerate(LIMITS.get(kind, ()), 1):
        if z >= least_z and relative >= least_relative:
            found = number
    return found
