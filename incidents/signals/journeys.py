"""Synthetic journeys and consistency checks: what a customer would see."""

from incidents.signals.adaptive import Baseline
from incidents.signals.base import ALWAYS, UNLESS_PLAIN, Hold, Signal
from incidents.signals.detectors import Above, Failing

SIGNALS = [
    Signal(
        "journey_failed",
        "customers cannot {label}: {text}",
        "journey.ok",
        Failing(),
        "api",
        source="probe",
        severity="high",
        hold=Hold(2),
        soft=r"timeout|timed out|no answer",
        settle=True,
        quorum=2,
        klass="fails",
        shows_work=True,
        trust=0.97,
        timing=UNLESS_PLAIN,
    ),
    Signal(
        "journey_slow",
        "customers wait {value} ms to {label}",
        "journey.latency_ms",
        Baseline(5, 900, learn=10),
        "api",
        source="probe",
        hold=Hold(3),
        settle=True,
        klass="slow",
        timing=ALWAYS,
    ),
    Signal(
        "consistency_broken",
        "{label} differs between {service} and its source ({text})",
        "consistency.ok",
        Failing(),
        "cache-queue",
        source="probe",
        severity="high",
        hold=Hold(2),
        klass="own",
        trust=0.97,
        timing=ALWAYS,
    ),
    Signal(
        "source_values_odd",
        "{service} holds values that are no numbers ({text})",
        "consistency.odd",
        Above(0),
        "database",
        source="probe",
        severity="high",
        hold=Hold(2),
        klass="own",
        trust=0.97,
    ),
]
