"""Small real servers and manifests for the tests of observation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from systems.manifest import parse_manifest
from systems.readings import Reading
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem

Answer = tuple[int, Any]  # status, JSON (or text)


@asynccontextmanager
async def http_server(answer: Callable[[str, str, bytes], Answer]) -> AsyncIterator[str]:
    """A real HTTP server on a free port; yields its base URL. `answer(method, path, body)`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, _ = head.split(" ", 2)
                length = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                body = await reader.readexactly(int(length[0].split(":")[1])) if length else b""
                status, data = answer(method, path, body)
                payload = data.encode() if isinstance(data, str) else json.dumps(data).encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-length: {len(payload)}\r\n\r\n".encode() + payload
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Takes connections and never says anything; yields host:port."""
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            release.set()
            await asyncio.sleep(0)


def closed_port() -> str:
    """host:port where nothing listens."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"


def make_system(
    base: Path, services: dict[str, dict[str, Any]], *, near: bool = False, **more: Any
) -> LoadedSystem:
    """A loaded system on the fake runtime; services without `unit` are not controlled. `near`: the units count as being
    of this machine."""
    spec = {"system": "t", "runtime": {"driver": "fake"}, "services": services, **more}
    for service in services.values():
        service.setdefault("unit", None)
    manifest = parse_manifest(json.dumps(spec), base_dir=base)
    units = [s.unit for s in manifest.services.values() if s.unit]
    runtime = FakeRuntime(units)
    runtime.near = near
    return LoadedSystem(manifest, base, runtime)


def one(readings: list[Reading], metric: str, label: str | None = None) -> Reading:
    """The only reading of a metric."""
    found = [r for r in readings if r.metric == metric and label in (None, r.label)]
    assert len(found) == 1, f"{metric}: {found} in {readings}"
    return found[0]


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at
