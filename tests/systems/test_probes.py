"""Each probe against the real thing: servers, Postgres, Redis, files."""

import asyncio
import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis.asyncio as aioredis
from aiohttp import web
from aiohttp.test_utils import TestServer

from incidents.signals import CATALOG
from incidents.signals.detectors import Memory, Sample
from systems.probes.consistency import ConsistencyProbe
from systems.probes.disk import DiskProbe
from systems.probes.files import ConfigProbe, EnvProbe, ReleaseProbe
from systems.probes.http import HttpProbe
from systems.probes.journeys import JourneyProbe, failures_now
from systems.probes.links import CLOSER_S, LinkProbe
from systems.probes.metrics import MetricsProbe
from systems.probes.postgres import PostgresProbe
from systems.probes.process import ProcessProbe, UnitProbe
from systems.probes.ready import ReadyProbe
from systems.probes.redis import RedisProbe
from systems.probes.tcp import TcpProbe
from systems.readings import Reading
from systems.runtimes.base import ChildStat, UnitStats
from systems.services import LoadedSystem
from tests.systems.supervisor.harness import PATIENCE_S

from .helpers import Clock, closed_port, http_server, make_system, one, silent_server

DSN = os.environ["DATABASE_URL"]


async def look(probe: Any, system: LoadedSystem, service: str = "s") -> Any:
    return await probe.observe(system, system.service(service))


# ---- http, ready, tcp, metrics
async def test_http_tells_success_errors_refusals_and_silence_apart(tmp_path: Path) -> None:
    answers = {"/ok": (200, {}), "/bad": (503, "no healthy upstream")}
    probe = HttpProbe()
    async with http_server(lambda _m, path, _b: answers[path]) as url, silent_server() as silent:
        spec = {
            "ok": {"kind": "http", "http": {"url": f"{url}/ok"}},
            "bad": {"kind": "http", "http": {"url": f"{url}/bad"}},
            "refused": {"kind": "http", "http": {"url": f"http://{closed_port()}/"}},
            "silent": {"kind": "external", "http": {"url": f"http://{silent}/", "timeout_s": 0.2}},
        }
        system = make_system(tmp_path, spec)
        found = {name: await look(probe, system, name) for name in spec}
        await probe.close()
    assert one(found["ok"], "http.ok").value == 1
    assert one(found["bad"], "http.ok").text == "status 503: no healthy upstream"
    assert one(found["bad"], "http.status").value == 503
    assert (one(found["refused"], "http.ok").value, one(found["refused"], "http.ok").text) == (0, "refused")
    assert one(found["refused"], "http.status").value is None
    assert one(found["silent"], "external.ok").text == "timeout"


async def test_a_body_that_drips_for_ever_is_a_timeout(tmp_path: Path) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    probe = HttpProbe()
    system = make_system(tmp_path, {"s": {"kind": "http", "http": {"url": url, "timeout_s": 0.3}}})
    assert one(await look(probe, system), "http.ok").text == "timeout"
    await probe.close()
    server.close()


async def test_ready_names_the_part_that_is_not(tmp_path: Path) -> None:
    body = {
        "status": "no",
        "database": {"ok": False, "detail": "PoolTimeout"},
        "cache": "ok",
        "schema": "dirty 7",
    }
    probe = ReadyProbe()
    async with http_server(lambda *_: (503, body)) as url:
        system = make_system(tmp_path, {"s": {"kind": "http", "ready": {"url": url + "/readyz"}}})
        found = await look(probe, system)
    await probe.close()
    assert one(found, "ready.ok").text == "status 503: database: PoolTimeout; schema: dirty 7"
    assert one(found, "ready.cache").value == 1
    assert one(found, "ready.database").text == "PoolTimeout"


async def test_tcp_tells_refused_from_open(tmp_path: Path) -> None:
    async with silent_server() as address:
        system = make_system(
            tmp_path, {"s": {"kind": "x", "tcp": address}, "shut": {"kind": "x", "tcp": closed_port()}}
        )
        assert one(await look(TcpProbe(), system), "tcp.ok").value == 1
        shut = one(await look(TcpProbe(), system, "shut"), "tcp.ok")
    assert (shut.value, shut.text) == (0, "refused")


async def test_metrics_become_unknown_when_they_stop_answering(tmp_path: Path) -> None:
    state: dict[str, Any] = {"status": 200}
    body = {"rps": 5, "breaker": "open", "pool": {"size": 3}, "bad": None, "list": [1]}
    probe = MetricsProbe()
    async with http_server(lambda *_: (state["status"], body)) as url:
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": url + "/m"}})
        found = await look(probe, system)
        assert one(found, "app.rps").value == 5
        assert (one(found, "app.breaker").value, one(found, "app.breaker").text) == (1, "open")
        assert one(found, "app.pool.size").value == 3
        assert one(found, "app.bad").value is None
        state["status"] = 500
        gone = await look(probe, system)
    await probe.close()
    assert {r.metric for r in gone} == {"app.read", "app.rps", "app.breaker", "app.pool.size", "app.bad"}
    assert all(r.value is None for r in gone)


# ---- the runtime
async def test_units_and_processes_as_the_runtime_sees_them(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"s": {"kind": "jobs", "unit": "s"}})
    runtime: Any = system.runtime
    child = ChildStat(42, "render", "python render", 97.0, 30.0, "R")
    runtime.set_stats("s", UnitStats(3.0, 80.0, 2, 9, "S", 4, [child]))
    runtime.limits("s", 160)
    clock = Clock()
    units, processes = UnitProbe(clock), ProcessProbe(clock)
    found = await look(units, system) + await look(processes, system)
    assert one(found, "unit.up").value == 1
    assert one(found, "proc.zombies").value == 4
    assert one(found, "proc.rss_limit_pct").value == 50
    assert one(found, "child.cpu_pct", "render").text == "pid=42 cmdline=python render"
    more = [ChildStat(n, "render", f"render {n}", 1.0, 50.0 + n, "S", 4.0 - n) for n in range(3)]
    runtime.set_stats("s", UnitStats(3.0, 80.0, 2, 9, "S", 0, more))
    clock.at += 5
    memory = one(await look(processes, system), "child.memory_mb", "render")
    assert (memory.value, memory.text) == (4, "pid=0 cmdline=render 0")  # the biggest one's own, not the sum
    runtime.set_stats("s", UnitStats(3.0, 80.0, 2, 9, "S"))
    assert (
        one(await look(processes, system), "child.cpu_pct", "render").value == 0
    )  # gone is 0, so it can clear
    runtime.crash("s", exit_code=-11, fatal=True)
    clock.at += 5
    found = await look(units, system)
    assert (one(found, "unit.up").value, one(found, "unit.up").text) == (0, "FATAL")
    assert one(found, "unit.exit_code").text == "signal 11 (SIGSEGV)"
    assert one(await look(processes, system), "proc.cpu_pct").value is None


# ---- Postgres
@pytest.fixture
async def pg_role() -> AsyncIterator[tuple[str, str]]:
    """A login role with a connection limit of 4, and its DSN."""
    role = f"r{uuid.uuid4().hex[:8]}"
    async with await psycopg.AsyncConnection.connect(DSN, autocommit=True) as admin:
        await admin.execute(f"create role {role} login password 'pw' connection limit 4")
        dsn = psycopg.conninfo.make_conninfo(DSN, user=role, password="pw")
        yield role, dsn
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [role]
        )
        await admin.execute(f"drop role {role}")


async def test_idle_sessions_and_a_full_role_are_seen(tmp_path: Path, pg_role: tuple[str, str]) -> None:
    role, dsn = pg_role
    system = make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": DSN}}})
    probe = PostgresProbe()
    held = [await psycopg.AsyncConnection.connect(dsn, application_name="report") for _ in range(4)]
    found = await look(probe, system)
    assert one(found, "pg.connections_pct", role).value == 100
    assert one(found, "pg.idle", "report").value == 4
    for connection in held:
        await connection.close()
    async with asyncio.timeout(PATIENCE_S):
        while one(found := await look(probe, system), "pg.idle", "report").value != 0:
            await asyncio.sleep(0.05)
    assert one(found, "pg.idle", "report").text == "gone"
    await probe.close()


async def test_the_prober_is_never_the_evidence(tmp_path: Path, pg_role: tuple[str, str]) -> None:
    """Five systems on one database, whose role may have four connections: ours are one, and no symptom of theirs."""
    role, dsn = pg_role
    systems = [make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": dsn}}}) for _ in range(5)]
    probes = [PostgresProbe() for _ in systems]
    for _ in range(2):
        looks = await asyncio.gather(*(look(p, s) for p, s in zip(probes, systems, strict=True)))
        assert [one(found, "pg.ok").value for found in looks] == [1] * 5
        assert {one(found, "pg.connections_pct", role).value for found in looks} == {0}
    async with await psycopg.AsyncConnection.connect(DSN, autocommit=True) as admin:
        held = await admin.execute("select count(*) from pg_stat_activity where usename = %s", [role])
        assert await held.fetchone() == (1,)
    app = [await psycopg.AsyncConnection.connect(dsn, application_name="app") for _ in range(3)]
    assert one(await look(probes[0], systems[0]), "pg.connections_pct", role).value == 75
    for probe in probes:
        await probe.close()
    elsewhere = psycopg.conninfo.make_conninfo(dsn, connect_timeout=3)  # another place, the same role
    other = make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": elsewhere}}})
    first, second = PostgresProbe(), PostgresProbe()
    assert one(await look(first, systems[0]), "pg.ok").value == 1
    refused = one(await look(second, other), "pg.ok")
    assert (refused.value, refused.text.startswith("unknown: our own connections")) == (None, True)
    await first.close()
    app.append(await psycopg.AsyncConnection.connect(dsn, application_name="app"))
    full = one(await look(second, other), "pg.ok")
    assert (full.value, "too many connections" in full.text) == (0, True)  # theirs, all four
    for connection in app:
        await connection.close()
    await second.close()


def blocked_by(label: str, found: list[Reading]) -> Reading | None:
    """The reading of one that blocks two."""
    roots = (r for r in found if (r.metric, r.label, r.value) == ("pg.block_root", label, 2))
    return next(roots, None)


async def test_the_root_of_a_blocking_tree_is_named(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": DSN}}})
    probe = PostgresProbe()
    holder = await psycopg.AsyncConnection.connect(DSN, application_name="holder")
    waiters = [await psycopg.AsyncConnection.connect(DSN, application_name=f"waiter{i}") for i in range(2)]
    await holder.execute("select pg_advisory_xact_lock(77)")

    async def wait_and_let_go(waiter: psycopg.AsyncConnection[Any]) -> None:
        await waiter.execute("select pg_advisory_xact_lock(77)")
        await waiter.rollback()

    tasks = [asyncio.create_task(wait_and_let_go(waiter)) for waiter in waiters]
    async with asyncio.timeout(
        PATIENCE_S
    ):  # others may be blocked on this server, too: it is about this holder
        while not (root := blocked_by("holder", found := await look(probe, system))):
            await asyncio.sleep(0.05)
    assert f"pid={holder.info.backend_pid} " in root.text
    assert one(found, "pg.idle_in_tx_s", "holder").value is not None
    await holder.rollback()
    await asyncio.gather(*tasks)
    for connection in (holder, *waiters):
        await connection.close()
    await probe.close()


async def test_statements_that_fail_are_counted(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": DSN}}})
    probe = PostgresProbe()
    await look(probe, system)
    async with await psycopg.AsyncConnection.connect(DSN, autocommit=True) as session:
        with pytest.raises(psycopg.errors.UndefinedTable):
            await session.execute("select 1 from nobody_made_this")
    async with asyncio.timeout(PATIENCE_S):  # the server counts it when the session ends
        while not one(await look(probe, system), "pg.rollbacks_rate").value:
            await asyncio.sleep(0.05)
    await probe.close()


async def test_a_postgres_that_is_away_is_0_and_the_rest_unknown(tmp_path: Path) -> None:
    host, port = closed_port().split(":")
    dsn = psycopg.conninfo.make_conninfo(DSN, host=host, port=port)
    system = make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": dsn}}})
    found = await look(PostgresProbe(), system)
    assert (one(found, "pg.ok").value, one(found, "pg.ok").text) == (0, "refused")
    assert one(found, "pg.blocked").value is None


async def test_a_wrong_password_is_said_in_the_server_s_words(
    tmp_path: Path, pg_role: tuple[str, str]
) -> None:
    dsn = psycopg.conninfo.make_conninfo(pg_role[1], password="wrong")
    system = make_system(tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": dsn}}})
    assert "password authentication failed" in one(await look(PostgresProbe(), system), "pg.ok").text


# ---- Redis
async def test_queues_and_rates_of_a_redis(tmp_path: Path) -> None:
    prefix = uuid.uuid4().hex[:8]
    queue = {
        "name": f"{prefix}:q",
        "processing": f"{prefix}:p",
        "heartbeat": f"{prefix}:h",
        "done": f"{prefix}:d",
    }
    url = os.environ["REDIS_URL"]
    system = make_system(tmp_path, {"s": {"kind": "redis", "redis": {"url": url, "queues": [queue]}}})
    clock = Clock()
    probe = RedisProbe(clock)
    client = aioredis.Redis.from_url(url)
    import time

    await client.lpush(f"{prefix}:q", json.dumps({"ts": time.time() - 50}), "plain")
    await client.lpush(f"{prefix}:p", "x")
    await client.set(f"{prefix}:h", time.time() - 30)
    await client.set(f"{prefix}:d", 10)
    await look(probe, system)
    await client.incrby(f"{prefix}:d", 6)
    for _ in range(10):
        await client.get(f"{prefix}:missing")
    clock.at += 2
    found = await look(probe, system)
    assert one(found, "queue.depth").value == 2
    assert one(found, "queue.inflight").value == 1
    assert (one(found, "queue.oldest_s").value or 0) >= 50
    assert (one(found, "worker.heartbeat_age_s").value or 0) >= 30
    assert one(found, "queue.done_rate").value == 3
    assert (one(found, "redis.hit_ratio").value or 0) < 0.5
    await client.delete(*[f"{prefix}:{k}" for k in "qphd"])
    await client.aclose()
    await probe.close()


async def test_what_a_consumer_left_lying_is_told_from_what_it_works_at(tmp_path: Path) -> None:
    """One message a look goes through; then two stay, while others go on, and in the end they are put back."""
    prefix = uuid.uuid4().hex[:8]
    name, busy, done = f"{prefix}:q", f"{prefix}:p", f"{prefix}:d"
    url = os.environ["REDIS_URL"]
    queue = {"name": name, "processing": busy, "done": done}
    system = make_system(tmp_path, {"s": {"kind": "redis", "redis": {"url": url, "queues": [queue]}}})
    clock = Clock()
    probe = RedisProbe(clock)
    client = aioredis.Redis.from_url(url)

    async def works(times: int) -> list[Reading]:
        found: list[Reading] = []
        for _ in range(times):
            message = uuid.uuid4().hex
            await client.lpush(busy, message)
            found = await look(probe, system)
            await client.lrem(busy, 1, message)
            await client.incr(done)
            clock.at += 1
        return found

    first = await works(1)
    assert one(first, "queue.handled_s").value is None
    before = await works(8)
    assert one(before, "queue.held_s").value == 0
    assert one(before, "queue.handled_s").value == 1
    await client.lpush(busy, "left", "lying")
    after = await works(20)
    held = one(after, "queue.held_s")
    assert (held.value, held.text) == (19, "2 of 3 in hand for as long")
    assert one(after, "queue.handled_s").value == 1
    await client.lmove(busy, name, "RIGHT", "RIGHT")
    await client.lmove(busy, name, "RIGHT", "RIGHT")
    put_back = await works(40)
    assert one(put_back, "queue.held_s").value == 0
    assert one(put_back, "queue.handled_s").value == 1  # they were not finished by being put back
    await client.delete(name, busy, done)
    await client.aclose()
    await probe.close()


async def test_a_stream_is_a_queue_too(tmp_path: Path) -> None:
    name = f"stream:{uuid.uuid4().hex[:8]}"
    url = os.environ["REDIS_URL"]
    system = make_system(
        tmp_path, {"s": {"kind": "redis", "redis": {"url": url, "queues": [{"name": name}]}}}
    )
    client = aioredis.Redis.from_url(url)
    await client.xgroup_create(name, "g", id="0", mkstream=True)
    for i in range(3):
        await client.xadd(name, {"n": i}, id=f"{int((time.time() - 60) * 1000)}-{i + 1}")
    await client.xreadgroup("g", "c", {name: ">"}, count=1)
    probe = RedisProbe(Clock())
    found = await look(probe, system)
    assert one(found, "queue.depth", f"{name}/g").value == 2
    assert one(found, "queue.inflight").value == 1
    assert 60 <= (one(found, "queue.oldest_s").value or 0) < 70, "nobody was given it yet, and it waits"
    await client.xreadgroup("g", "c", {name: ">"})
    found = await look(probe, system)
    assert (one(found, "queue.depth").value, one(found, "queue.inflight").value) == (0, 3)
    assert (one(found, "queue.oldest_s").value or 0) < 10
    await client.delete(name)
    await client.aclose()
    await probe.close()


async def test_a_redis_that_refuses_a_command_is_there(tmp_path: Path) -> None:
    url, user = os.environ["REDIS_URL"], f"u{uuid.uuid4().hex[:8]}"
    admin = aioredis.Redis.from_url(url)
    await admin.execute_command("ACL", "SETUSER", user, "on", ">pw", "~mine:*", "+@all")
    where = re.sub(r"//([^@/]*@)?", f"//{user}:pw@", url)
    queue = {"name": "mine:q", "processing": "mine:p", "heartbeat": "theirs:h"}
    system = make_system(tmp_path, {"s": {"kind": "redis", "redis": {"url": where, "queues": [queue]}}})
    probe = RedisProbe(Clock())
    found = one(await look(probe, system), "redis.ok")
    await probe.close()
    await admin.execute_command("ACL", "DELUSER", user)
    await admin.aclose()
    assert found.value == 0
    assert found.text.startswith("it answers: ")
    reached = CATALOG["redis_unreachable"].detector
    assert reached.judge(Memory(), Sample(0.0, 0.0, found.text)) is False


async def test_a_redis_that_is_away_is_0_and_the_rest_unknown(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"s": {"kind": "redis", "redis": {"url": f"redis://{closed_port()}/0"}}})
    probe = RedisProbe(Clock())
    found = await look(probe, system)
    await probe.close()
    assert (one(found, "redis.ok").value, one(found, "redis.ok").text) == (0, "refused")
    assert one(found, "redis.hit_ratio").value is None


# ---- files
async def test_a_changed_setting_is_told_but_a_secret_is_not(tmp_path: Path) -> None:
    golden = "middleware: {delay_s: 0}\nauth: {jwt_secret: alpha, token_ttl_s: 3600}\nlist: [1, 2]\n"
    (tmp_path / "g.yaml").write_text(golden)
    live = tmp_path / "c.yaml"
    live.write_text(golden)
    system = make_system(tmp_path, {"s": {"kind": "http", "config": {"file": "c.yaml", "golden": "g.yaml"}}})
    probe = ConfigProbe()
    assert one(await look(probe, system), "config.drift").value == 0
    live.write_text(
        "middleware: {delay_s: 6}\nauth: {jwt_secret: beta-beta, token_ttl_s: -1}\nlist: [1, 2]\n"
    )
    drift = one(await look(probe, system), "config.drift")
    assert drift.text == "auth.jwt_secret: changed; auth.token_ttl_s: 3600 -> -1; middleware.delay_s: 0 -> 6"
    assert drift.value == 1


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("a: 1\nb:\n\tc", "c.yaml:3: found character '\\t'"),
        ("- 1", "c.yaml:1: a mapping"),
        (None, "c.yaml is missing"),
    ],
)
async def test_a_config_that_does_not_parse_says_where(
    tmp_path: Path, broken: str | None, words: str
) -> None:
    (tmp_path / "g.yaml").write_text("a: 1\n")
    if broken is not None:
        (tmp_path / "c.yaml").write_text(broken)
    system = make_system(tmp_path, {"s": {"kind": "http", "config": {"file": "c.yaml", "golden": "g.yaml"}}})
    found = await look(ConfigProbe(), system)
    assert one(found, "config.valid").value == 0
    assert one(found, "config.valid").text.startswith(words)
    assert one(found, "config.drift").value == 1


async def test_half_a_file_that_is_being_written_is_not_taken_for_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = tmp_path / "c.yaml"
    (tmp_path / "g.yaml").write_text("a: {b: 1}\n")
    live.write_text("a: {b:")
    waited: list[float] = []

    def until_written(seconds: float) -> None:
        waited.append(seconds)
        live.write_text("a: {b: 1}\n")

    monkeypatch.setattr("systems.probes.cached.time.sleep", until_written)
    system = make_system(tmp_path, {"s": {"kind": "http", "config": {"file": "c.yaml", "golden": "g.yaml"}}})
    probe = ConfigProbe()
    found = await look(probe, system)
    assert (one(found, "config.valid").value, one(found, "config.drift").value) == (1, 0)
    live.write_text("a: b: c")
    monkeypatch.setattr("systems.probes.cached.time.sleep", waited.append)
    assert [one(await look(probe, system), "config.valid").value for _ in range(3)] == [0, 0, 0]
    assert len(waited) == 2, "what stays broken is waited for once"


async def test_server_configs_that_are_not_yaml_are_compared_by_key(tmp_path: Path) -> None:
    (tmp_path / "g.conf").write_text("maxmemory 48mb\nsave 60 1\nsave 300 10\nport = 5 # five\n")
    (tmp_path / "c.conf").write_text("maxmemory 1mb\nsave 60 1\nsave 300 10\nport = 5\nextra on\n")
    system = make_system(tmp_path, {"s": {"kind": "redis", "config": {"file": "c.conf", "golden": "g.conf"}}})
    assert one(await look(ConfigProbe(), system), "config.drift").text == (
        "extra: (not set) -> on; maxmemory: 48mb -> 1mb"
    )


async def test_env_texts_hold_names_only(tmp_path: Path) -> None:
    (tmp_path / "g.env").write_text("DATABASE_URL=postgres://u:hush@h/d\nREDIS_URL=redis://x\nJWT=1\n")
    (tmp_path / "e.env").write_text("DATABASE_URL=postgres://u:other@h/d\nREDIS_URL=\nEXTRA=1\n")
    spec = {"file": "e.env", "golden": "g.env", "schema": ["DATABASE_URL", "REDIS_URL", "JWT"]}
    system = make_system(tmp_path, {"s": {"kind": "http", "env": spec}})
    found = await look(EnvProbe(), system)
    assert one(found, "env.valid").text == "missing: REDIS_URL, JWT"
    assert (
        one(found, "env.drift").text == "DATABASE_URL changed; REDIS_URL changed; missing: JWT; extra: EXTRA"
    )
    assert not any("hush" in r.text or "other" in r.text for r in found)


async def test_a_switched_release_link_is_seen(tmp_path: Path) -> None:
    for version in ("1.4.2", "1.5.0"):
        (tmp_path / version).mkdir()
    link = tmp_path / "current"
    link.symlink_to("1.4.2")
    system = make_system(
        tmp_path, {"s": {"kind": "http", "release": {"link": "current", "previous": "1.4.2"}}}
    )
    probe = ReleaseProbe()
    assert one(await look(probe, system), "release.changed").value == 0
    link.unlink()
    link.symlink_to("1.5.0")
    changed = one(await look(probe, system), "release.changed")
    assert (changed.value, changed.text) == (1, "1.4.2 -> 1.5.0")
    link.unlink()
    assert one(await look(probe, system), "release.changed").value is None


async def test_disks_and_a_volume_that_is_gone(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"s": {"kind": "x", "volumes": [{"path": "."}, {"path": "nowhere"}]}})
    found = await look(DiskProbe(), system)
    used = one(found, "disk.used_pct", ".").value
    assert used is not None
    assert 0 < used <= 100
    assert one(found, "disk.used_pct", "nowhere").value is None


# ---- journeys, consistency, links
async def test_a_journey_carries_values_from_step_to_step(tmp_path: Path) -> None:
    seen: list[tuple[str, str, bytes]] = []

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any]:
        seen.append((method, path, body))
        return (201, {"cart": {"ids": [7]}}) if method == "POST" else (200, {"items": ["tea"]})

    async with http_server(answer) as url:
        steps = [
            {"post": f"{url}/cart", "json": {"n": 1}, "expect": [200, 201], "save": {"id": "cart.ids.0"}},
            {"get": f"{url}/cart/{{id}}", "contains": "tea"},
        ]
        services = {"s": {"kind": "proxy", "tcp": url.removeprefix("http://")}}
        system = make_system(tmp_path, services, journeys=[{"name": "buy", "steps": steps}])
        (probe,) = JourneyProbe.build(system, Clock())
        found = await look(probe, system)
        assert one(found, "journey.ok", "buy").value == 1
        assert seen[1][1] == "/cart/7"
        assert await failures_now(system) == []
        system.manifest.journeys[0].steps[1].contains = "coffee"
        failed = one(await look(probe, system), "journey.ok")
        assert failed.value == 0
        assert failed.text.startswith("step 2 GET /cart/{id}: the answer does not contain 'coffee'")
        await probe.close()


async def test_a_visitor_who_comes_back_is_known_by_the_cookie_and_renewed_when_not(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    known = {"mode": "fine"}

    async def answer(request: web.Request) -> web.Response:
        cookie = request.cookies.get("sid", "")
        told.append((request.method, cookie))
        if cookie and known["mode"] != "fine":
            return web.Response(status=500 if known["mode"] == "damaged" else 401)
        made = web.Response(text="{}")
        made.set_cookie("sid", cookie or f"s{len(told)}")
        return made

    app = web.Application()
    app.router.add_get("/cart", answer)
    async with TestServer(app) as server:
        steps = [{"get": str(server.make_url("/cart"))}]
        journey = {"name": "back", "keeps": "session", "steps": steps}
        system = make_system(tmp_path, {"s": {"kind": "proxy"}}, journeys=[journey])
        (probe,) = JourneyProbe.build(system, Clock())
        values = [one(await look(probe, system), "journey.ok").value for _ in range(2)]
        known["mode"] = "damaged"
        values += [one(await look(probe, system), "journey.ok").value for _ in range(2)]
        known["mode"] = "unknown"
        values.append(one(await look(probe, system), "journey.ok").value)
        await probe.close()
    assert values == [1, 1, 0, 0, 1]
    assert [cookie for _, cookie in told] == ["", "s1", "s1", "s1", "s1", ""]


async def test_a_journey_that_hangs_fails_in_its_own_time(tmp_path: Path) -> None:
    async with silent_server() as address:
        journey = {"name": "j", "timeout_s": 0.2, "steps": [{"get": f"http://{address}/x"}]}
        system = make_system(tmp_path, {"s": {"kind": "proxy"}}, journeys=[journey])
        (probe,) = JourneyProbe.build(system, Clock())
        found = one(await look(probe, system), "journey.ok")
        await probe.close()
    assert found.text == "step 1 GET /x: no answer in 0.2 s"


async def test_a_price_that_differs_from_the_database_is_named(tmp_path: Path) -> None:
    shown = {"1": 19.99, "2": 0.01}
    async with http_server(lambda _m, path, _b: (200, {"item": {"price": shown[path[-1]]}})) as url:
        rule = {
            "name": "price",
            "service": "s",
            "url": url + "/{key}",
            "field": "item.price",
            "sql_service": "s",
            "sql": "select * from (values (1, 19.99), (2, 19.99)) v",
            "cache": "product:{key}",
        }
        system = make_system(
            tmp_path, {"s": {"kind": "postgres", "postgres": {"dsn": DSN}}}, consistency=[rule]
        )
        (probe,) = ConsistencyProbe.build(system, Clock())
        found = one(await look(probe, system), "consistency.ok", "price")
        await probe.close()
    assert found.value == 0
    assert found.text == "item.price: product:2 shows 0.01, the database has 19.99"


async def test_a_value_of_the_source_that_is_no_number_is_the_sources_trouble(tmp_path: Path) -> None:
    """The cache was emptied, because it showed nothing for a price that was NaN in the database."""
    shown = {"1": None, "2": 0.01, "3": 3}
    async with http_server(lambda _m, path, _b: (200, {"price": shown[path[-1]]})) as url:
        rule = {
            "name": "price",
            "service": "s",
            "url": url + "/{key}",
            "field": "price",
            "sql_service": "db",
            "sql": "select * from (values (1, 'NaN'::numeric), (2, 'infinity'::numeric), (3, 3)) v",
        }
        services = {"s": {"kind": "http"}, "db": {"kind": "postgres", "postgres": {"dsn": DSN}}}
        system = make_system(tmp_path, services, consistency=[rule])
        (probe,) = ConsistencyProbe.build(system, Clock())
        found = await look(probe, system)
        await probe.close()
    assert one(found, "consistency.ok", "price").value == 1
    odd = one(found, "consistency.odd", "price")
    assert (odd.service, odd.value, odd.text) == ("db", 2, "price of 1 is NaN; price of 2 is Infinity")


async def test_a_link_is_judged_by_what_the_far_end_says(tmp_path: Path) -> None:
    postgres = psycopg.conninfo.conninfo_to_dict(DSN)
    direct = f"{postgres['host']}:{postgres['port']}"
    async with silent_server() as silent:
        services: dict[str, dict[str, Any]] = {
            "net": {"kind": "link"},
            "db": {"kind": "postgres", "postgres": {"dsn": DSN}},
        }
        link = {"name": "a-db", "service": "net", "source": "net", "target": "db", "direct": direct}
        system = make_system(tmp_path, services, links=[{**link, "address": silent}])
        (probe,) = LinkProbe.build(system, Clock())
        found = await look(probe, system, "net")
    assert (one(found, "link.ok").value, one(found, "link.ok").text) == (0, "timeout, 9 of 9 tries")
    assert one(found, "link.direct_ok").value == 1


async def test_a_path_that_loses_much_is_slow_and_not_down(tmp_path: Path) -> None:
    """The first of a look gets no answer; of those after it every other one does."""
    number = count(1)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(number) % 2 == 0:
            writer.write(b"+PONG\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        services: dict[str, dict[str, Any]] = {
            "net": {"kind": "link"},
            "db": {"kind": "redis", "redis": {"url": os.environ["REDIS_URL"]}},
        }
        link = {"name": "a-db", "service": "net", "source": "net", "target": "db"}
        system = make_system(tmp_path, services, links=[{**link, "address": f"127.0.0.1:{port}"}])
        (probe,) = LinkProbe.build(system, clock := Clock())
        found = await look(probe, system, "net")
        next(number)  # the first one would get its answer
        clock.at += 2
        closer = one(await look(probe, system, "net"), "link.rtt_ms")
        clock.at += 2 * CLOSER_S
        calm = one(await look(probe, system, "net"), "link.rtt_ms")
    assert closer.text == "there and back, 5 of 9 tries without an answer", "a moment ago one was lost"
    assert calm.text == "there and back"
    assert (one(found, "link.ok").value, one(found, "link.ok").text) == (1, "")
    slow = one(found, "link.rtt_ms")
    assert slow.text == "there and back, 5 of 9 tries without an answer"
    assert slow.value is not None and 830 <= slow.value < 930
