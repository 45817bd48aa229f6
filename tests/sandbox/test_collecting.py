"""Log lines on their way to the collector, traces, and the events that are counted."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio as aioredis

from sandbox.shop.analytics import counting
from sandbox.shop.analytics.counting import Counting
from sandbox.shop.api import events
from sandbox.shop.api.events import Events
from sandbox.shop.collector.__main__ import Collector, Store
from sandbox.shop.kit import logs
from sandbox.shop.kit.http import serve
from sandbox.shop.kit.metrics import Metrics
from sandbox.shop.kit.shipping import SPOOL_MAX, Shipper

from .test_gateway import config, free_port


def said(shipper: Shipper, *words: str) -> None:
    for word in words:
        shipper.emit(logging.LogRecord("shop", logging.INFO, "", 0, word, None, None))


async def test_lines_wait_in_a_file_while_nobody_takes_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    shipper = Shipper(f"127.0.0.1:{port}", tmp_path / "spool/api-1.jsonl", "api-1")
    said(shipper, "one", "two")
    shipper.look()
    assert shipper.spool.read() == b"one\ntwo\n"
    said(shipper, "three")
    shipper.look()
    assert [r.getMessage() for r in caplog.records] == ["log sink unreachable [Errno 111], spooling"], "once"
    collector = Collector(config(tmp_path, {}), Store(config(tmp_path, {}), tmp_path / "logs"))
    async with await serve(collector.handle, port):
        shipper._next_try = 0.0
        said(shipper, "four")
        with caplog.at_level("INFO"):
            await asyncio.to_thread(shipper.look)
    assert (tmp_path / "logs/all.jsonl").read_text().split() == ["one", "two", "three", "four"]
    assert shipper.spool.size == 0
    assert collector.heard.keys() == {"api-1"} and collector.age_s < 5
    assert "answers again" in caplog.records[-1].getMessage()


def test_a_spool_is_bounded(tmp_path: Path) -> None:
    shipper = Shipper("127.0.0.1:1", tmp_path / "x.jsonl", "x")
    for _ in range(12):
        shipper.spool.add(b"x" * 100_000)
    assert shipper.spool.size <= SPOOL_MAX


def test_what_is_collected_is_rotated(tmp_path: Path) -> None:
    store = Store(config(tmp_path, {"rotate_mb": 0.001, "keep": 2}), tmp_path)
    for number in range(6):
        store.add(f"{number}\n".encode() * 600)
    assert sorted(p.name for p in tmp_path.glob("all*")) == ["all.jsonl.1", "all.jsonl.2"]
    assert (tmp_path / "all.jsonl.1").read_text()[0] == "5"


def test_traces_have_a_file_of_their_own_that_may_be_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("APPLOG_DIR", str(tmp_path))
    log = logging.getLogger("shop")
    try:
        logs.set_level("TRACE")
        file = next(h for h in log.handlers if isinstance(h, logs.TraceFile)).path
        log.log(5, "headers %r", {}, extra={"fields": {"profile": "x" * 100}})
        log.info("no trace")
        os.truncate(file, 0)
        log.log(5, "again")
        assert json.loads(file.read_text())["msg"] == "again"
        file.unlink()
        file.symlink_to("/dev/full")
        log.log(5, "more")
        assert "trace not written: [Errno 28] No space left" in caplog.text
        logs.set_level("INFO")
        assert log.handlers == []
    finally:
        logs.set_level("INFO")


@pytest.fixture
async def store(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aioredis.Redis]:
    """With names of their own for the stream and what is counted."""
    own = uuid.uuid4().hex[:8]
    for module, name in ((counting, "STREAM"), (events, "STREAM"), (counting, "DASHBOARD")):
        monkeypatch.setattr(module, name, f"{name}:{own}")
    client = aioredis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    yield client
    await client.delete(f"STREAM:{own}", f"DASHBOARD:{own}")
    await client.aclose()


async def test_events_are_counted_once_and_what_a_dead_consumer_held_is_taken_over(
    tmp_path: Path, store: Any
) -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as client:
        told = Events(client, Metrics())
        told.tell("order", id=7, total=12.5)
        for _ in range(3):
            told.tell("view", sku="GAR-122")
        assert told.flush() == 4
    counts = Counting(config(tmp_path, {"batch": 2}), store, "analytics")
    await counts.join()
    await store.xreadgroup(counting.GROUP, "analytics", {counting.STREAM: ">"}, count=3)  # and then it hung
    await counts.join()
    await counts.take_over()
    await counts.look()
    assert await counts.dashboard() == {"orders": 1, "revenue": 12.5, "views": 3}
    assert (counts.counted, counts.claimed) == (4, 3)
    assert (await store.xpending(counting.STREAM, counting.GROUP))["pending"] == 0


async def test_without_a_store_events_are_dropped_and_counted() -> None:
    with redis.Redis.from_url("redis://127.0.0.1:1/0") as client:
        told = Events(client, Metrics())
        told.tell("view", sku="GAR-122")
        assert told.flush() == 0
    assert told.metrics.counters["events_lost"] == 1
