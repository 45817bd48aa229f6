"""Certificates as servers show them, the whole chain, with the time each of them ends."""

from __future__ import annotations

import ssl
from typing import Any

from systems import trust
from systems.probes import certificates
from systems.services import LoadedSystem
from systems.state.facts import Fact, Facts, Read
from systems.state.sources.threaded import Threaded


class Tls(Threaded):
    name = "tls"
    every_s = 6.0
    timeout_s = 8.0
    slow_s = 3.0

    def __init__(self, system: LoadedSystem) -> None:
        super().__init__(system)
        self.wanted = certificates.ends(system)

    def look(self) -> Read:
        """All chains, blocking. A server that does not answer is left out."""
        found: Read = {}
        for component, ends in self.wanted.items():
            for end in ends:
                try:
                    shown = certificates.look(self.system, end).chain
                    found[component, f"tls {end.at}"] = _facts(end.at, shown)
                except (OSError, trust.Unusable):
                    continue
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
    """`CN=www, O=Example`"""
    return ", ".join(
        f"{'CN' if key == 'commonName' else key}={value}" for group in parts for key, value in group
    )
