"""Looks names up at the shop's resolvers, one after the other: an answer that there is no such name is final."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time

from . import dns
from .config import Config

log = logging.getLogger("shop")
KEPT_S = 1.0


class LookupFailed(OSError):
    """The name could not be looked up: NXDOMAIN, SERVFAIL or nobody who answers."""


class Names:
    """names.servers: host:port of each resolver, in order; names.timeout_s: how long one may take."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._first = ""
        self._kept: dict[str, tuple[str, float]] = {}
        self._said_at = 0.0
        self._lock = threading.Lock()

    @property
    def servers(self) -> list[str]:
        """In the order in which they are asked."""
        known = [str(server) for server in self.config.get("names.servers") or ()]
        return sorted(known, key=lambda server: server != self._first)

    def prefer(self, server: str) -> None:
        """Ask that one first, until the configuration is read again; "": as it stands there. ValueError: unknown."""
        if server and server not in self.servers:
            raise ValueError(f"no resolver {server}")
        self._first, self._kept = server, {}

    def of(self, part: str, otherwise: str) -> str:
        """The address of a part by the name that names.PART says; `otherwise` where it says none. LookupFailed."""
        name = self.config.get(f"names.{part}")
        return self.address(str(name)) if name else otherwise

    def address(self, name: str) -> str:
        """Kept for a second. LookupFailed."""
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        try:
            found = self._ask_all(name)
        except LookupFailed as error:
            self._complain(error)
            raise
        self._kept[name] = found, time.monotonic() + KEPT_S
        return found

    def _ask_all(self, name: str) -> str:
        why = "no resolver is set"
        for server in self.servers:
            try:
                code, found = self._ask(server, name)
            except (OSError, dns.Malformed) as error:
                why = f"{server}: {error}"
                continue
            if code == dns.NXDOMAIN:
                raise LookupFailed(f"NXDOMAIN: {name} (says {server})")
            if found is not None:
                return found
            why = f"{server}: {dns.WORDS.get(code, code)}"
        raise LookupFailed(f"SERVFAIL: {name} ({why})")

    def _ask(self, server: str, name: str) -> tuple[int, str | None]:
        host, _, port = server.rpartition(":")
        number = random.randrange(65_536)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(self.config.number("names.timeout_s", 1.0))
            sock.connect((host, int(port)))
            sock.send(dns.question(number, name))
            return dns.told(sock.recv(dns.MAX), number)

    def _complain(self, error: LookupFailed) -> None:
        with self._lock:
            due = time.monotonic() - self._said_at >= KEPT_S
            self._said_at = time.monotonic() if due else self._said_at
        if due:
            log.error("name lookup failed: %s", error)
