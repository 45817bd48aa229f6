"""tcp.*: does the port take a fresh connection. Refused and timed out mean different things, so the text says which."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from systems.manifest import Service
from systems.probes.base import NEXT_S, Probe, address, error_kind, family
from systems.readings import Reading
from systems.services import LoadedSystem


class TcpProbe(Probe):
    name = "tcp"
    interval_s = 1.0
    timeout_s = 1.5
    connect_s = 1.0
    main = ("tcp.ok",)

    def applies(self, service: Service) -> bool:
        return service.tcp is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.tcp is not None
        return await tcp_readings(service.name, service.tcp, self.connect_s)


async def tcp_readings(service: str, target: str, timeout_s: float) -> list[Reading]:
    """Connect once and close again."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            await _connect(*address(target))
    except OSError as error:  # TimeoutError is one
        kind = error_kind(error)
        return [Reading(service, "tcp.ok", 0.0, kind), Reading(service, "tcp.connect_ms", None, kind)]
    spent = (time.perf_counter() - started) * 1000
    return [Reading(service, "tcp.ok", 1.0), Reading(service, "tcp.connect_ms", round(spent, 2))]


async def _connect(host: str, port: int) -> None:
    """Of a plain address only the bare socket: with a thousand of them a second it is what the watcher does most."""
    plain = family(host)
    if plain is not None:
        with socket.socket(plain, socket.SOCK_STREAM) as bare:
            bare.setblocking(False)
            await asyncio.get_running_loop().sock_connect(bare, (host, port))
        return
    _, writer = await asyncio.open_connection(host, port, happy_eyeballs_delay=NEXT_S)
    writer.transport.abort()  # no lingering close on either side
    with contextlib.suppress(OSError):
        await writer.wait_closed()
