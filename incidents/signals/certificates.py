"""Certificates: how long they last, and whether they are believed."""

from incidents.signals.base import Hold, Signal
from incidents.signals.detectors import Below, Equals

SOON, NOW = 14, 3  # days

SIGNALS = [
    Signal(
        "certificate_ends_soon",
        "the certificate of {service} at {label} {text}",
        "tls.days_left",
        Below(SOON),
        "network",
        source="state",
        severity="low",
        opens=False,
        klass="own",
        trust=0.99,
        outlives_restart=True,
    ),
    Signal(
        "certificate_ends",
        "the certificate of {service} at {label} {text}",
        "tls.days_left",
        Below(NOW),
        "network",
        source="state",
        severity="medium",
        klass="own",
        trust=0.99,
        outlives_restart=True,
    ),
    Signal(
        "certificate_not_in_force",
        "the certificate of {service} at {label} {text}",
        "tls.in_force",
        Equals(0),
        "network",
        source="state",
        severity="high",
        klass="own",
        trust=0.99,
        outlives_restart=True,
        moved_by=("certificate", "clock", "deadline"),
    ),
    Signal(
        "certificate_not_believed",
        "the certificate of {service} at {label} is not believed: {text}",
        "tls.valid",
        Equals(0),
        "network",
        source="state",
        severity="medium",
        hold=Hold(2),
        klass="own",
        trust=0.97,
        outlives_restart=True,
        moved_by=("certificate", "name"),
    ),
]
