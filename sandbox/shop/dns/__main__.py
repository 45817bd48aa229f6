"""`python -m shop.dns`: a resolver of the shop. DNS over UDP; GET /healthz, /metrics, /lookup?name=... over TCP, at the
same port.

zone: name -> address, or another host whose address it is; ttl_s. A name of no zone is NXDOMAIN.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import cast

from ..kit import dns, logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, listen_host, serve
from ..kit.metrics import PATH, Metrics
from ..kit.run import keep, run

log = logging.getLogger("shop")
MAX_TTL_S = 60


class Resolver(asyncio.DatagramProtocol):
    """One socket; what cannot be understood is not answered."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        port = int(os.environ["PORT"])
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(listen_host(), port))
        await serve(self.handle, port)
        log.info("resolver is up with %d names", len(self.config.get("zone") or {}))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            asked = dns.asked(data)
        except dns.Malformed:
            self.metrics.count("lookups_malformed")
            return
        keep(self.tasks, self._answer(asked, addr), "lookup")

    async def _answer(self, asked: dns.Question, addr: tuple[str, int]) -> None:
        code, address = await self.look(asked.name)
        if asked.kind != dns.A:
            address = None
        self.metrics.count("lookups")
        if code == dns.NXDOMAIN:
            self.metrics.count("lookups_unknown")
            log.warning("NXDOMAIN for %s", asked.name)
        if self._transport is not None:
            ttl = min(MAX_TTL_S, int(self.config.number("ttl_s", 1)))
            self._transport.sendto(dns.answer(asked, code, address, ttl), addr)

    async def look(self, name: str) -> tuple[int, str | None]:
        """(result, address)"""
        entry = (self.config.get("zone") or {}).get(name)
        if entry is None:
            return dns.NXDOMAIN, None
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(str(entry), None, family=socket.AF_INET, type=socket.SOCK_STREAM)
        except OSError as error:
            log.error("no address for %s: %s", name, error)
            return dns.SERVFAIL, None
        return dns.NOERROR, str(found[0][4][0])

    async def handle(self, request: Request) -> Response:
        if request.path == "/healthz":
            return json_response({"status": "ok"})
        if request.path == PATH:
            return self.metrics.response()
        if request.path == "/lookup":
            name = request.query.get("name", "")
            code, address = await self.look(name)
            return json_response({"name": name, "answer": dns.WORDS[code], "address": address})
        return json_response({"error": "not found"}, 404)


def main() -> None:
    logs.setup("dns")
    config = load_or_exit()
    run(Resolver(config).start, config)


if __name__ == "__main__":
    main()
