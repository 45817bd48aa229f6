"""Who sends over an edge, and how full it is."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest

from sandbox.shop.net import traffic as module
from sandbox.shop.net.path import Wire
from sandbox.shop.net.traffic import Counter, Traffic, application

HELLO = b"user\0app\0application_name\0backup-sync\0database\0shop\0\0"
GREETING = struct.pack("!ii", len(HELLO) + 8, 196_608) + HELLO
TLS = struct.pack("!ii", 8, 80_877_103)


def test_a_session_is_known_by_the_name_of_its_application() -> None:
    assert application(GREETING) == "backup-sync"
    assert application(TLS) is None, "the greeting comes after the answer"
    assert application(b"*1\r\n$4\r\nPING\r\n") == ""
    assert application(b"") == "" and application(b"\0\0\0\x08\xff\xff\xff\xff") == ""


def test_bytes_count_for_the_edge_and_for_who_sent_them() -> None:
    edge = Traffic()
    of_job, of_cache = Counter(edge), Counter(edge)
    of_job("bytes_in", TLS)
    of_job("bytes_out", b"N")
    of_job("bytes_in", GREETING)
    of_job("bytes_out", b"x" * 1000)
    of_cache("bytes_in", b"PING\r\n")
    assert edge.clients == {"backup-sync": len(GREETING) + 1000}
    assert edge.stats["bytes_out"] == 1001 and edge.stats["bytes_in"] == 8 + len(GREETING) + 6


def test_how_full_it_is_is_told_over_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    edge = Traffic()
    edge.stats["bytes_out"], now[0] = 400, 102.0
    edge.look(1000)
    assert edge.used == 0.2
    now[0] = 103.0
    edge.look(1000)
    assert edge.used == 0.0
    edge.look(None)
    assert edge.used is None


def test_a_wire_carries_no_more_than_it_was_given(tmp_path: Path) -> None:
    async def seconds(mbit: int) -> tuple[float, float | None]:
        wire = Wire("e", tmp_path, mbit)
        await wire.start()
        if not wire.listener:
            pytest.skip(wire.error)
        try:
            near, far = await wire.open()
            loop = asyncio.get_running_loop()
            began = loop.time()
            sending = asyncio.create_task(loop.sock_sendall(far, b"x" * 500_000))
            got = 0
            while got < 500_000:
                got += len(await loop.sock_recv(near, 65_536))
            await sending
            near.close()
            far.close()
            return loop.time() - began, wire.capacity
        finally:
            wire.close()

    free, none = asyncio.run(seconds(0))
    shaped, capacity = asyncio.run(seconds(2))
    assert none is None
    if capacity is None:
        pytest.skip("no tc here")
    assert capacity == 250_000
    assert shaped > 3 * free, "half a megabyte at a quarter of one a second"
