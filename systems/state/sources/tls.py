"""Certificates as servers show them, the whole chain, with the time each of them ends."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from systems.manifest import Service
from systems.probes.base import ProbeFailed, address
from systems.services import LoadedSystem
from systems.state.facts import Fact, Facts, Read
from systems.state.sources.threaded import Threaded

PATIENCE_S = 1.5


class Tls(Threaded):
    name = "tls"
    every_s = 6.0
    timeout_s = 8.0
    slow_s = 3.0

    def __init__(self, system: LoadedSystem) -> None:
        super().__init__(system)
        self.wanted = {
            name: ends for name, service in system.services.items() if (ends := sorted(set(_ends(service))))
        }

    def look(self) -> Read:
        """All chains, blocking. A server that does not answer is left out."""
        found: Read = {}
        for component, ends in self.wanted.items():
            for end in ends:
                try:
                    found[component, f"tls {end}"] = _facts(end, chain(end))
                except (OSError, ProbeFailed):
                    continue
        return found


def chain(end: str) -> list[dict[str, Any]]:
    """What the server at host:port shows, its own certificate first. Nothing is verified: one that has run out is
    looked at too. OSError when there is no handshake."""
    host, port = address(end)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host.strip("[]"), port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        # the public way to the chain is of Python 3.13, and gives no fields
        inner: Any = secured._sslobj  # type: ignore[attr-defined]
        found: list[dict[str, Any]] = [one.get_info() for one in inner.get_unverified_chain() or ()]
    if not found:
        raise ProbeFailed(f"{end} shows no certificate")
    return found


def _facts(end: str, shown: list[dict[str, Any]]) -> Facts:
    facts: Facts = {}
    for number, one in enumerate(shown):
        what = f"certificate of {end}" if number == 0 else f"issuer {number} of {end}"
        until = ssl.cert_time_to_seconds(one["notAfter"])
        names = ", ".join(sorted(value for _, value in one.get("subjectAltName", ())))
        who = f"{_name(one['subject'])} by {_name(one['issuer'])}"
        text = f"{who}, serial {one['serialNumber']}, until {one['notAfter']}"
        facts[what] = Fact(f"{text}, for {names}" if names else text, "certificate", ends=float(until))
    return facts


def _name(parts: Any) -> str:
    """`CN=shop, O=Corner`"""
    return ", ".join(
        f"{'CN' if key == 'commonName' else key}={value}" for group in parts for key, value in group
    )


def _ends(service: Service) -> Iterator[str]:
    yield from service.state.tls if service.state else ()
    urls = [spec.url for spec in (service.http, service.ready) if spec is not None]
    urls.append((service.metrics.url if service.metrics else None) or "")
    for url in (*urls, service.control.url if service.control else ""):
        parts = urlsplit(url)
        if parts.scheme == "https":
            yield f"{parts.hostname}:{parts.port or 443}"
