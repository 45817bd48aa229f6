"""Smaller parts: config, settings, logs, profile cache, sessions of jobs, wire."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sandbox.build.prepare import Site
from sandbox.shop.api.profile import ProfileCache
from sandbox.shop.kit.config import Config
from sandbox.shop.net.__main__ import Net
from sandbox.shop.net.edge import Edge
from sandbox.shop.net.path import Wire


def start(site: Site, config: str, module: str = "shop.api", **env: str) -> subprocess.CompletedProcess[str]:
    """A service of the current api release, started by hand; for starts that fail."""
    path = site.layout.root / "vol" / "try.yaml"
    path.write_text(config)
    full = {"PATH": os.environ["PATH"], "CONFIG_FILE": str(path), **env}
    cwd = site.layout.root / "releases/api/current"
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=cwd,
        env=full,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_broken_file_ends_the_start_with_its_place(site: Site) -> None:
    done = start(site, "log: {level: INFO}\ncac\t")
    assert done.returncode == 1
    line = json.loads(done.stdout.splitlines()[0])
    assert "yaml.scanner.ScannerError" in line["msg"]
    assert "try.yaml" in line["msg"]
    assert "line 2" in line["msg"]
    assert line["level"] == "CRITICAL"


def test_a_missing_variable_ends_the_start_by_name(site: Site) -> None:
    done = start(
        site, "log: {level: INFO}\n", PORT="1", REDIS_URL="redis://x", JWT_SECRET="x", UPSTREAM_API_KEY="x"
    )
    assert done.returncode == 1
    assert "DATABASE_URL Field required" in done.stdout


def test_a_failed_reload_keeps_the_old_values(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: {b: 1}\n")
    config = Config(path)
    config.load()
    path.write_text("a: {b: 2\n")
    config.reload()
    assert config.get("a.b") == 1
    path.write_text("a: {b: 3}\n")
    config.reload()
    assert config.get("a.b") == 3
    assert config.get("a.b.c", "none") == "none"


@pytest.mark.parametrize(("bound", "kept"), [(3, 3), (0, 10)])
def test_profiles_are_bounded_unless_told_otherwise(tmp_path: Path, bound: int, kept: int) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({"session_cache": {"max_entries": bound, "entry_kb": 4}}))
    config = Config(path)
    config.load()
    cache = ProfileCache(config)
    for n in range(10):
        cache.remember(str(n), b"seen")
    assert len(cache) == kept
    assert cache.size_mb == pytest.approx(kept * 4 / 1024)


@pytest.fixture
async def echo() -> tuple[str, int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while data := await reader.read(100):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return "127.0.0.1", int(server.sockets[0].getsockname()[1])


def free_address() -> tuple[str, int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return "127.0.0.1", int(sock.getsockname()[1])


async def talk(address: tuple[str, int], patience_s: float = 5.0) -> bytes:
    async with asyncio.timeout(patience_s):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"hello")
        data = await reader.read(100)
        writer.close()
        return data


async def test_an_edge_carries_bytes_by_both_paths(tmp_path: Path, echo: tuple[str, int]) -> None:
    wire = Wire("t", tmp_path)
    await wire.start()
    edge = Edge("t", free_address(), echo, wire)
    await edge.start()
    accepting = asyncio.create_task(edge.accept_forever())
    try:
        assert await talk(edge.address) == b"hello"
        await edge.heartbeat()
        assert edge.rtt is not None
        await edge.failover()
        assert edge.describe()["path"] == "B"
        assert await talk(edge.address) == b"hello"
        assert edge.stats["bytes_in"] == 10
    finally:
        accepting.cancel()
        wire.close()


async def test_a_reload_takes_where_an_edge_leads_and_keeps_what_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    text = "edges: {api-db: {address: '127.0.0.1:1', target: '127.0.0.1:%s', up: true}}"
    file.write_text(text % 2)
    config = Config(file)
    config.load()
    net = Net(config)
    config.listeners.append(net._apply)
    for port, leads in (("3", 3), ("nowhere", 3), ("4", 4)):
        file.write_text(text % port)
        config.reload()
        assert net.edges["api-db"].target == ("127.0.0.1", leads)


async def test_a_cut_wire_is_silence_until_failover(tmp_path: Path, echo: tuple[str, int]) -> None:
    wire = Wire("t", tmp_path)
    await wire.start()
    if wire.medium != "netns":
        pytest.skip(f"no network namespaces here: {wire.error}")
    edge = Edge("t", free_address(), echo, wire)
    await edge.start()
    accepting = asyncio.create_task(edge.accept_forever())
    try:
        enter = ["nsenter", "-t", str(wire.pid), "-n"] + (
            [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        )
        subprocess.run([*enter, "ip", "link", "set", "lo", "down"], check=True)
        with pytest.raises(TimeoutError):
            await talk(edge.address, 1.0)
        await edge.heartbeat()
        await edge.heartbeat()
        assert not edge.ok
        assert edge.describe()["rtt_ms"] is None
        await edge.reset(Wire("t", tmp_path))
        assert edge.ok
        assert await talk(edge.address) == b"hello"
    finally:
        accepting.cancel()
        edge.wire.close()


async def test_a_dead_target_resets_the_caller(tmp_path: Path) -> None:
    edge = Edge("t", free_address(), free_address(), Wire("t", tmp_path))
    await edge.start()
    accepting = asyncio.create_task(edge.accept_forever())
    with pytest.raises(ConnectionResetError):
        await talk(edge.address)
    accepting.cancel()
    assert edge.stats["failures_total"] == 1
