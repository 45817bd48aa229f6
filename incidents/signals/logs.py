# ruff: noqa: E501
"""What services write in their logs: how much, what is new, and what they say of their surroundings.

The patterns are the words of widespread software, not of any one system. A log signal is false only when the log was
read for its whole window and nothing matched.
"""

from incidents.signals.adaptive import Baseline
from incidents.signals.base import Hold, Severity, Signal
from incidents.signals.detectors import LogMatch, NewError


def log_signal(
    id: str,
    title: str,
    pattern: str,
    category: str,
    *,
    times: int = 1,
    opens: bool = False,
    severity: Severity = "medium",
    telling: int = 45,
    window_s: float = 8.0,
    but: str = "",
    outright: bool = False,
    outlives_restart: bool = False,
) -> Signal:
    return Signal(
        id,
        title,
        "log.template",
        LogMatch(pattern, times, window_s, but),
        category,
        source="log",
        severity=severity,
        clear=Hold(1),
        opens=opens,
        settle=True,
        telling=telling,
        trust=0.75,
        outright=outright,
        outlives_restart=outlives_restart,
    )


RATES = [
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
        telling=42,
        trust=0.75,
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
        telling=41,
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
        telling=15,
        leak=0.05,
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
        telling=47,
        trust=0.75,
    ),
]

NETWORK = [
    log_signal(
        "log_connect_refused",
        "{service} is refused by something it needs: {text}",
        r"Connection ?refused|Errno 111|Error 111|ECONNREFUSED|ConnectError",
        "network",
        times=2,
        telling=48,
    ),
    log_signal(
        "log_connect_timeout",
        "{service} waits too long for something it needs: {text}",
        r"timeout expired|timed out|ReadTimeout|ConnectTimeout|ConnectionTimeout|ETIMEDOUT|Errno 110|deadline exceeded",
        "network",
        times=2,
        telling=48,
    ),
    log_signal(
        "log_connection_reset",
        "{service} is cut off by something it talks to: {text}",
        r"Connection reset|ECONNRESET|Errno 104|Broken pipe|RemoteProtocolError|Server disconnected",
        "network",
        times=2,
        telling=44,
    ),
    log_signal(
        "log_dns_failed",
        "{service} cannot look up a name: {text}",
        r"NXDOMAIN|Name or service not known|Temporary failure in name resolution|getaddrinfo|gaierror|SERVFAIL|NoNameservers|no such host",
        "network",
        times=2,
        opens=True,
        severity="high",
        telling=72,
        outright=True,
        outlives_restart=True,
    ),
    log_signal(
        "log_certificate",
        "{service} meets a certificate that is not valid: {text}",
        r"certificate (verify failed|has expired|is not yet valid)|CERTIFICATE_VERIFY_FAILED|x509:",
        "external",
        times=2,
        opens=True,
        severity="high",
        telling=74,
        outright=True,
        outlives_restart=True,
    ),
    log_signal(
        "log_upstream_error",
        "{service} gets errors from what it calls: {text}",
        r"no healthy upstream|bad gateway|upstream.{0,40}(error|fail|unavailable|refused|50[0-4]|40[13])|HTTPStatusError|(status|answered)[ =:]+50[0-4]",
        "external",
        times=2,
        telling=46,
    ),
    log_signal(
        "log_circuit_open",
        "{service} refuses to call something: its circuit is open ({text})",
        r"circuit.{0,12}open|breaker.{0,24}open",
        "api",
        telling=60,
        but=r"half.?open",
    ),
    log_signal(
        "log_loop",
        "{service} forwards requests to itself: {text}",
        r"loop detected|too many (hops|redirects)|(status|answered|error)[ =:]+508\b",
        "api",
        times=2,
        opens=True,
        severity="high",
        telling=76,
    ),
    log_signal(
        "log_rate_limited",
        "{service} reports that limits are exceeded: {text}",
        r"too many requests|rate.?limit|quota exceeded|(status|answered)[ =:]+429",
        "api",
        times=3,
        telling=55,
    ),
    log_signal(
        "log_sink_down",
        "{service} cannot deliver its logs: {text}",
        r"(log|sink|collector).{0,30}(unreachable|spool)|spooling",
        "external",
        times=2,
        opens=True,
        telling=58,
    ),
]

SIGNALS = [*RATES, *NETWORK]
