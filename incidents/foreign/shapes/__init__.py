"""The shapes that records come in, one small file per kind of format; the first whose `fits` says yes takes a
record.
"""

from __future__ import annotations

from incidents.foreign.shapes import alerts, changes, k8s, logs, metrics, prometheus, topology, traces
from incidents.foreign.shapes.base import Shape

SHAPES: tuple[Shape, ...] = (
    *k8s.SHAPES,
    *traces.SHAPES,
    *prometheus.SHAPES,
    *metrics.SHAPES,
    *alerts.SHAPES,
    *changes.SHAPES,
    *logs.SHAPES,
    *topology.SHAPES,
)
