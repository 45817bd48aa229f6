"""How much services write in their logs, what is new in them, and what access logs tell.

The words are in words.yaml.
"""

from incidents.signals.adaptive import Baseline
from incidents.signals.base import ALWAYS, Hold, Signal
from incidents.signals.detectors import NewError

SIGNALS = [
    Signal(
        "log_errors",
        "{service} logs errors, {value} a second: {text}",
        "log.error_rate",
        Baseline(4, 0.8, learn=10),
        "api",
        source="log",
        severity="low",
        hold=Hold(3),
        clear=Hold(4),
        settle=True,
        klass="words",
        trust=0.75,
        timing=ALWAYS,
    ),
    Signal(
        "log_burst",
        "{service} writes far more log than usual ({value} bytes a second)",
        "log.bytes_rate",
        Baseline(8, 15_000, learn=10),
        "api",
        source="log",
        opens=False,
        hold=Hold(3),
        clear=Hold(3),
        settle=True,
        klass="words",
        timing=ALWAYS,
    ),
    Signal(
        "log_silent",
        "{service} has stopped logging",
        "log.lines_rate",
        Baseline(20, 0.05, learn=20, sigmas=0.5, below=True),
        "api",
        source="log",
        opens=False,
        noted=False,
        hold=Hold(6),
        settle=True,
        klass="words",
        leak=0.05,
        timing=ALWAYS,
    ),
    Signal(
        "log_traceback_new",
        "{service} fails in a way it never did before: {label}",
        "log.template",
        NewError(),
        "api",
        source="log",
        severity="low",
        clear=Hold(1),
        settle=True,
        klass="words",
        trust=0.75,
        timing=ALWAYS,
    ),
    Signal(
        "log_requests_failed",
        "{service} fails {share} of its requests, as its access log tells: {text}",
        "log.requests_failed",
        Baseline(3, 0.08, learn=5),
        "api",
        source="log",
        hold=Hold(3),
        clear=Hold(3),
        settle=True,
        klass="fails",
        timing=ALWAYS,
    ),
]
