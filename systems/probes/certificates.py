"""What a server shows of itself at a TLS handshake: its chain of certificates, and whether it is believed.

One look serves everybody of this process: the ledger, which keeps what changes, and the probe, which counts the days.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from systems import trust
from systems.manifest import Service
from systems.manifest.web import Trusting
from systems.probes.base import address
from systems.probes.journeys import entry_service
from systems.services import LoadedSystem, authority

PATIENCE_S = 1.5
DAY_S = 86_400.0
MOST = 2000
# What OpenSSL calls it (openssl verify): not yet or no longer valid, for another name, by somebody who is not known.
OF_TIME = (9, 10)
NAME_DIFFERS = (62, 64)
SIGNED_ITSELF = 18
ISSUER_UNKNOWN = (2, SIGNED_ITSELF, 19, 20, 21)


class NoCertificate(OSError):
    """There was a handshake, and nothing was shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One look. `chain`: as ssl gives it, the server's own first. `code`: why it is not believed in the terms of
    OpenSSL, 0 when it is; None: that was not asked. `at`: when it was looked, on a steady clock."""

    end: str
    chain: list[dict[str, Any]]
    code: int | None
    words: str
    at: float

    def ends(self) -> float:
        """Epoch seconds of the first end in the chain. A root at its end counts for nothing: whoever asks has it."""
        counting = [one for n, one in enumerate(self.chain) if n == 0 or one["subject"] != one["issuer"]]
        return min(float(ssl.cert_time_to_seconds(one["notAfter"])) for one in counting)

    def begins(self) -> float:
        """Epoch seconds from which all of it is valid."""
        return max(float(ssl.cert_time_to_seconds(one["notBefore"])) for one in self.chain)

    def names(self) -> str:
        """Whom it is for."""
        return ", ".join(sorted(value for _, value in self.chain[0].get("subjectAltName", ()))) or "nobody"

    def is_cut_short(self) -> bool:
        """Whether the server keeps back who signed it: it shows itself alone, and was not signed by itself."""
        return len(self.chain) == 1 and self.chain[0]["subject"] != self.chain[0]["issuer"]


@dataclass(frozen=True, slots=True)
class End:
    """A place where a certificate is shown, host:port. `spec`: how the manifest lets it be believed; None: as a bare
    address, which may be of anybody's own authority and shown under any address."""

    at: str
    spec: Trusting | None = None

    @property
    def is_judged(self) -> bool:
        """Whether anybody wants to know if it is believed."""
        return self.spec is None or not self.spec.insecure


def ends(system: LoadedSystem) -> dict[str, list[End]]:
    """Of each service the places where certificates are shown for it."""
    found: dict[str, dict[str, End]] = {}
    for name, service in system.services.items():
        for end in _of_service(service):
            found.setdefault(name, {}).setdefault(end.at, end)
    for journey in system.manifest.journeys:
        entry = entry_service(system, journey)
        for step in journey.steps:
            for end in _of_url(step.get or step.post, journey):
                owner = system.by_address(end.at)
                found.setdefault(owner.name if owner else entry, {}).setdefault(end.at, end)
    return {name: sorted(of.values(), key=lambda end: end.at) for name, of in found.items()}


def _of_service(service: Service) -> Iterator[End]:
    for spec in (service.http, service.ready, service.metrics):
        if spec is not None:
            yield from _of_url(spec.url, spec)
    yield from _of_url(service.control.url if service.control else None, Trusting())
    yield from (End(at) for at in (service.state.tls if service.state else ()))


def _of_url(url: str | None, spec: Trusting) -> Iterator[End]:
    at = authority(url or "")
    if url and url.startswith("https:") and "{" not in at:
        yield End(at, spec)


_Key = tuple[str, ssl.SSLContext | None]
_seen: dict[_Key, Shown] = {}
_locks: dict[_Key, threading.Lock] = {}
_guard = threading.Lock()


def look(system: LoadedSystem, end: End, fresh_s: float = 0.0) -> Shown:
    """What the server shows; at most `fresh_s` old, so that who asks at the same time shares one look. Blocks for
    seconds at most. OSError: no handshake; trust.Unusable: its authorities cannot be read."""
    believing = (trust.of(system, end.spec) or trust.usual()) if end.is_judged else None
    key = end.at, believing
    with _guard:
        if len(_locks) > MOST:
            _seen.clear()
            _locks.clear()
        lock = _locks.setdefault(key, threading.Lock())
    asked = time.monotonic()
    with lock:
        known = _seen.get(key)
        if known is not None and known.at >= asked - fresh_s:  # also one that was looked while we waited
            return known
        found = _seen[key] = _look(end.at, believing)
        return found


def _look(end: str, believing: ssl.SSLContext | None) -> Shown:
    at = time.monotonic()
    if believing is not None:
        try:
            return Shown(end, _chain(end, believing), 0, "", at)
        except ssl.SSLCertVerificationError as error:
            return Shown(end, _chain(end, trust.blind()), error.verify_code, error.verify_message, at)
    return Shown(end, _chain(end, trust.blind()), None, "", at)


def _chain(end: str, context: ssl.SSLContext) -> list[dict[str, Any]]:
    host, port = address(end)
    with (
        socket.create_connection((host, port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        # the public way to the chain is of Python 3.13, and gives no fields
        inner: Any = secured._sslobj  # type: ignore[attr-defined]
        found: list[dict[str, Any]] = [one.get_info() for one in inner.get_unverified_chain() or ()]
    if not found:
        raise NoCertificate(f"{end} shows no certificate")
    return found


def told(found: Shown, now: float) -> str:
    """When it ends, in words: `ends in 12 days, on 4 March 2027`, `ended 2 days ago, on ...`."""
    ends, begins = found.ends(), found.begins()
    if now < begins:
        return f"is not valid before {_date(begins)}"
    days = abs(ends - now) / DAY_S
    long = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    return f"ended {long} ago, on {_date(ends)}" if ends <= now else f"ends in {long}, on {_date(ends)}"


def doubts(found: Shown, end: End) -> tuple[float | None, str]:
    """(1.0, "") when it is believed, but for its time; (0.0, why not); (None, why that cannot be told)."""
    host = address(found.end)[0]
    if found.code in (0, *OF_TIME):
        return 1.0, ""
    if found.code in NAME_DIFFERS:
        why = f"it is for {found.names()}, and not for {host}"
        return (None if end.spec is None and _is_ip(host) else 0.0), why
    if found.code not in ISSUER_UNKNOWN:
        return 0.0, found.words
    why = "whoever signed it is not known here (`ca` names authorities of your own)"
    if found.is_cut_short():
        why = f"its chain is incomplete, or {why}: the server shows nobody else"
    elif found.code == SIGNED_ITSELF:
        why = "it signed itself, and is not known here (`ca` names authorities of your own)"
    return (None if end.spec is None else 0.0), why


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _date(at: float) -> str:
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.day} {day:%B %Y}"
