"""Addresses of IPv6, and names that have one of each family."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from systems.manifest import ManifestError, parse_manifest
from systems.probes import plainhttp
from systems.probes.base import address
from systems.probes.http import HttpProbe
from systems.probes.journeys import failures_now
from systems.probes.links import LinkProbe
from systems.probes.tcp import TcpProbe
from systems.probes.tls import TlsProbe
from systems.services import authority
from systems.state.sources.names import Names
from tests.systems.certs import Authority, shown
from tests.systems.helpers import make_system, one


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no address ::1")


@asynccontextmanager
async def listening(host: str) -> AsyncIterator[tuple[int, list[str]]]:
    """An HTTP server at host; its port, and the Host headers that it was asked by."""
    hosts: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            hosts.extend(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], hosts


@needs_ipv6
async def test_every_probe_that_connects_reaches_it(tmp_path: Path) -> None:
    async with listening("::1") as (port, hosts):
        at = f"[::1]:{port}"
        link = {"name": "l", "service": "web", "source": "web", "target": "web", "address": at, "direct": at}
        system = make_system(
            tmp_path,
            {"web": {"kind": "http", "tcp": at, "http": {"url": f"http://{at}/"}}},
            links=[link],
            journeys=[{"name": "j", "steps": [{"get": f"http://{at}/cart"}]}],
        )
        web = system.service("web")
        tcp, http, path = TcpProbe(), HttpProbe(), LinkProbe.build(system, lambda: 0.0)[0]
        assert one(await tcp.observe(system, web), "tcp.ok").value == 1.0
        assert one(await http.observe(system, web), "http.ok").value == 1.0
        through = await path.observe(system, web)
        assert (one(through, "link.ok").value, one(through, "link.direct_ok").value) == (1.0, 1.0)
        assert await failures_now(system) == []
        reply = await plainhttp.get(f"http://{at}/x", {}, None, 100)
        assert reply.status == 200
        await asyncio.gather(tcp.close(), http.close(), path.close())
    assert set(hosts) == {at, "prober"}
    assert not Names(system).wanted, "an address is no name"


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_name_with_both_families_is_reached_by_the_one_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    real = socket.getaddrinfo

    def both(name: object, port: object, *args: object, **more: object) -> list[object]:
        names = ["::1", "127.0.0.1"] if name == "both.example" else [name]
        return [entry for one in names for entry in real(one, port, type=socket.SOCK_STREAM)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    async with listening(host) as (port, _):
        at = f"both.example:{port}"
        link = {"name": "l", "service": "s", "source": "s", "target": "s", "address": at}
        system = make_system(
            tmp_path, {"s": {"kind": "x", "tcp": at, "http": {"url": f"http://{at}/"}}}, links=[link]
        )
        tcp, http, path = TcpProbe(), HttpProbe(), LinkProbe.build(system, lambda: 0.0)[0]
        assert one(await tcp.observe(system, system.service("s")), "tcp.ok").value == 1.0
        assert one(await http.observe(system, system.service("s")), "http.ok").value == 1.0
        assert one(await path.observe(system, system.service("s")), "link.ok").value == 1.0
        assert (await plainhttp.get(f"http://{at}/", {}, None, 100)).status == 200
        await http.close()


@needs_ipv6
async def test_a_certificate_is_read_there(tmp_path: Path) -> None:
    root = Authority.root(tmp_path / "root")
    made = root.issue("six", "IP:::1")
    with shown(made.pem, made.key, "::1") as (port, _):
        url = f"https://[::1]:{port}/"
        spec = {"url": url, "ca": str(root.certificate.pem), "timeout_s": 3}
        system = make_system(tmp_path, {"web": {"kind": "http", "http": spec}})
        http, tls = HttpProbe(), TlsProbe.build(system, lambda: 0.0)[0]
        assert one(await http.observe(system, system.service("web")), "http.ok").value == 1.0
        found = await tls.observe(system, system.service("web"))
        assert one(found, "tls.valid", f"[::1]:{port}").value == 1.0
        await http.close()


def test_an_address_is_taken_apart_and_recognised_however_it_is_written(tmp_path: Path) -> None:
    assert address("[::1]:8080") == ("::1", 8080)
    assert address("shop.example:1") == ("shop.example", 1)
    assert authority("[0:0:0:0:0:0:0:1]:80") == authority("http://[::1]/x") == "[::1]:80"
    assert authority("https://u:p@Shop.example/") == authority("shop.example:443")
    system = make_system(
        tmp_path,
        {
            "six": {"kind": "x", "tcp": "[fd00::1]:8080"},
            "front": {"kind": "x", "http": {"url": "https://shop.example/healthz"}},
        },
    )
    for url, name in (
        ("http://[fd00:0::1]:8080/cart", "six"),
        ("https://shop.example:443/cart", "front"),
        ("http://shop.example/cart", None),
        ("http://{host}:{port}/", None),
    ):
        found = system.by_address(url)
        assert (found.name if found else None) == name, url


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("tcp", "::1:8080", r"stands in brackets: \[::1\]:8080"),
        ("tcp", "[::1]", "host:port"),
        ("tcp", "[shop]:80", "no IPv6 address"),
        ("tcp", "h:70000", "1 to 65535"),
        ("tcp", "h:0", "1 to 65535"),
        ("tcp", "http://h:80", "host:port"),
        ("http", {"url": "http://::1:8080/"}, "stands in brackets"),
        ("http", {"url": "http://[zz]/"}, "."),
        ("http", {"url": "http://h:99999/"}, "port that is none"),
        ("http", {"url": "http:///x"}, "has no host"),
        ("state", {"tls": ["fe80::1:443"]}, "stands in brackets"),
    ],
)
def test_an_address_that_is_none_is_refused_with_what_to_mend(key: str, value: object, words: str) -> None:
    text = json.dumps({"system": "s", "services": {"web": {"kind": "http", key: value}}})
    with pytest.raises(ManifestError, match=words) as caught:
        parse_manifest(text)
    assert f"services.web.{key}" in str(caught.value)
