"""Network edges, and services that belong to somebody else."""

from incidents.signals.adaptive import Baseline
from incidents.signals.base import ALWAYS, UNLESS_PLAIN, Hold, Signal
from incidents.signals.detectors import Failing, PathDown

SIGNALS = [
    Signal(
        "link_down",
        "the network path {label} carries next to nothing ({text})",
        "link.ok",
        PathDown("link.direct_ok"),
        "network",
        source="probe",
        severity="high",
        hold=Hold(2),
        soft=r"timeout|timed out|no answer",
        soft_weight=1.0,  # many tries were made; not while the watcher itself was held up
        settle=True,
        klass="refuses",
        timing=UNLESS_PLAIN,
        moved_by=("route", "name", "spec", "config"),
    ),
    Signal(
        "link_slow",
        "the network path {label} is slow ({value} ms {text})",
        "link.rtt_ms",
        Baseline(6, 120, learn=10),
        "network",
        source="probe",
        hold=Hold(2),
        soft="^(there and back)?$",  # slower than usual, and all comes through
        soft_weight=0.5,
        dark="timeout",
        settle=True,
        klass="slow",
        timing=ALWAYS,
    ),
    Signal(
        "link_target_down",
        "the far end of {label} does not answer directly either",
        "link.direct_ok",
        Failing(),
        "network",
        source="probe",
        opens=False,
        hold=Hold(2),
        settle=True,
        klass="refuses",
        timing=UNLESS_PLAIN,
    ),
    Signal(
        "external_down",
        "{service}, which is not ours, does not answer ({text})",
        "external.ok",
        Failing(),
        "external",
        source="probe",
        severity="high",
        hold=Hold(2, 0.5),
        soft=r"timeout|timed out|no answer",
        settle=True,
        klass="refuses",
        down=True,
        timing=UNLESS_PLAIN,
        moved_by=("name", "certificate", "route"),
    ),
]
