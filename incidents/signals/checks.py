"""Checks on demand: unknown until somebody asks. They cost something, so the watcher does not run them by itself."""

from incidents.signals.base import Signal
from incidents.signals.detectors import Equals, Failing

SIGNALS = [
    Signal(
        "pg_login_failed",
        "a service's stored password does not open {service} ({text})",
        "check.pg_login",
        Failing(),
        "database",
        source="check",
        severity="high",
        cost=1.0,
        opens=False,
        klass="own",
        trust=0.99,
        moved_by=("role", "env"),
    ),
    Signal(
        "fallback_healthy",
        "the fallback of {service} answers",
        "check.external_fallback",
        Equals(1),
        "external",
        source="check",
        cost=1.0,
        opens=False,
        trust=0.97,
        leak=0.6,
        klass="flow",
    ),
    Signal(
        "direct_ok",
        "{service} answers when asked directly, past every proxy",
        "check.direct_http",
        Equals(1),
        "api",
        source="check",
        cost=1.0,
        opens=False,
        trust=0.97,
        leak=0.6,
        klass="flow",
    ),
    Signal(
        "link_direct_ok",
        "the far end of {service}'s path answers when the path is left out",
        "check.link_direct",
        Equals(1),
        "network",
        source="check",
        cost=1.0,
        opens=False,
        trust=0.97,
        leak=0.6,
        klass="flow",
    ),
]

# signal -> the check in systems.checks that answers it
RUNS = {
    "pg_login_failed": "pg_login",
    "fallback_healthy": "external_fallback",
    "direct_ok": "direct_http",
    "link_direct_ok": "link_direct",
}
