"""What the names of a system resolve to, from where the portal stands."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from systems.manifest import Service
from systems.services import LoadedSystem
from systems.state.facts import Fact, Read
from systems.state.sources.threaded import Threaded

NOWHERE = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class Names(Threaded):
    name = "names"
    every_s = 5.0
    timeout_s = 4.0
    slow_s = 1.5

    def __init__(self, system: LoadedSystem) -> None:
        super().__init__(system)
        self.wanted = {
            name: hosts
            for name, service in system.services.items()
            if (hosts := sorted(set(_hosts(service))))
        }

    def look(self) -> Read:
        """All names, blocking. One that cannot be asked for now is left out."""
        known: dict[str, str | None] = {}
        found: Read = {}
        for component, hosts in self.wanted.items():
            for host in hosts:
                if host not in known:
                    known[host] = resolve(host)
                value = known[host]
                if value is not None:
                    found[component, f"name {host}"] = {host: Fact(value, "name")}
        return found


def resolve(host: str) -> str | None:
    """Its addresses in order, `no such name`, or None: nobody could say."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return "no such name" if error.errno in NOWHERE else None
    return ", ".join(sorted({str(entry[4][0]) for entry in found}))


def _hosts(service: Service) -> Iterator[str]:
    """Names in what the manifest tells of the service; addresses are no names."""
    for host in _told(service):
        if host and host != "localhost" and not _is_address(host):
            yield host


def _told(service: Service) -> Iterator[str]:
    yield from service.state.names if service.state else ()
    for spec in (service.http, service.ready):
        if spec is not None:
            yield urlsplit(spec.url).hostname or ""
    if service.tcp:
        yield service.tcp.rpartition(":")[0]
    if service.redis:
        yield urlsplit(service.redis.url).hostname or ""
    if service.postgres:
        yield from str(conninfo_to_dict(service.postgres.dsn).get("host", "")).split(",")


def _is_address(host: str) -> bool:
    if host.startswith("/"):
        return True  # the folder of a socket
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
