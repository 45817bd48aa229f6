"""What went over an edge, and who it was for: sessions of Postgres say their application's name when they begin."""

from __future__ import annotations

import struct
import time

STARTUP = 196_608  # the protocol's version 3.0
ASKED_BEFORE = (
    80_877_103,
    80_877_104,
)  # for TLS or GSS: eight bytes, and the greeting comes after the answer


class Traffic:
    """Of one edge, in bytes since the start; `used`: the share of what its path can carry, over the last look."""

    def __init__(self) -> None:
        self.stats = {"connections_total": 0, "failures_total": 0, "bytes_in": 0, "bytes_out": 0}
        self.clients: dict[str, int] = {}
        self.used: float | None = None
        self._looked = (time.monotonic(), 0)

    def look(self, capacity: float | None) -> None:
        """`capacity`: bytes a second both ways, None: not known."""
        now, total = time.monotonic(), self.stats["bytes_in"] + self.stats["bytes_out"]
        (before, then), self._looked = self._looked, (now, total)
        self.used = None if capacity is None else (total - then) / max(now - before, 0.001) / capacity


class Counter:
    """Of one connection; called with each piece of it."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.client: str | None = None  # not known yet; "": will not be

    def __call__(self, key: str, data: bytes) -> None:
        self.traffic.stats[key] += len(data)
        if self.client is None and key == "bytes_in":
            self.client = application(data)
        if self.client:
            clients = self.traffic.clients
            clients[self.client] = clients.get(self.client, 0) + len(data)


def application(data: bytes) -> str | None:
    """The `application_name` of a greeting to Postgres; "" where there is none, None while the greeting is to come."""
    if len(data) < 8:
        return ""
    length, code = struct.unpack("!ii", data[:8])
    if code in ASKED_BEFORE and length == len(data) == 8:
        return None
    if code != STARTUP:
        return ""
    words = data[8:length].split(b"\0")
    told = dict(zip(words[::2], words[1::2], strict=False))
    return told.get(b"application_name", b"").decode("utf-8", "replace")[:40]
