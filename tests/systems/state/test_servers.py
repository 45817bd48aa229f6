"""What is seen of real servers: Postgres and Redis."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis.asyncio as aioredis
from psycopg.conninfo import make_conninfo

from systems import pgguards
from systems.probes import pgshare
from systems.redact import MASK
from systems.state.inverses.redis import inverse as redis_inverse
from systems.state.inverses.types import NoInverse, Wanted
from systems.state.sources.postgres import Postgres
from systems.state.sources.redis import Redis, _settings
from systems.state.types import Change
from tests.systems.helpers import make_system
from tests.systems.state.looking import Looking

DSN, REDIS_URL = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
Admin = psycopg.AsyncConnection[tuple[object, ...]]


class Place:
    """A database of its own, an administrator there, and a prober who may look."""

    def __init__(self, admin: Admin, name: str, dsn: str, folder: Path) -> None:
        self.admin, self.name, self.dsn, self.folder = admin, name, dsn, folder

    def looking(self, **state: object) -> Looking:
        spec = {"kind": "postgres", "postgres": {"dsn": self.dsn}, "state": state or None}
        system = make_system(self.folder, {"db": {k: v for k, v in spec.items() if v}})
        return Looking(system, Postgres(system, system.service("db")), mine=self._is_mine)

    def _is_mine(self, change: Change) -> bool:
        """Roles and databases are the whole server's, where other tests make theirs at the same time."""
        return not change.what.startswith(("role ", "database ")) or self.name in change.what

    async def do(self, *statements: str) -> None:
        for statement in statements:
            await self.admin.execute(statement.replace("PROBER", self.name).encode())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    name = f"ledger{uuid.uuid4().hex[:8]}"
    async with await psycopg.AsyncConnection.connect(DSN, autocommit=True) as server:
        await server.execute(f"create database {name}".encode())
        await server.execute(f"create role {name} login password 'pw' connection limit 4".encode())
        await server.execute(f"grant pg_monitor to {name}".encode())
        try:
            async with await psycopg.AsyncConnection.connect(
                make_conninfo(DSN, dbname=name), autocommit=True
            ) as admin:
                yield Place(admin, name, make_conninfo(DSN, dbname=name, user=name, password="pw"), tmp_path)
        finally:
            await server.execute(f"drop database {name} with (force)".encode())
            await server.execute(f"drop role {name}".encode())


def by_what(changes: list[Change]) -> dict[str, Change]:
    return {change.what: change for change in changes}


async def test_tables_and_all_that_belongs_to_them(place: Place):
    await place.do(
        "create schema s",
        "create table s.orders (id bigint primary key, price int default 1, note text)",
        "create index by_price on s.orders (price)",
        "create function s.f() returns int language sql as 'select 1'",
        "create table s.old (id int primary key, a int)",
        "create view s.v as select id from s.orders",
        "create function s.g() returns int return 1",
    )
    looking = place.looking()
    assert await looking() == []
    assert await looking() == []
    await place.do(
        "alter table s.orders alter price set default 2",
        "alter table s.orders add constraint cheap check (price < 100) not valid",
        "drop index s.by_price",
        "create or replace function s.f() returns int language sql as 'select 2'",
        "create or replace view s.v as select id from s.orders where id > 1",
        "drop table s.old",
        "create or replace function s.g() returns int return 2",
        "create extension vector",
        "create function s.t() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger slow before insert on s.orders for each row execute function s.t()",
    )
    changes = by_what(await looking())
    assert changes["table s.orders: column price"].words.endswith(
        "from integer default 1 to integer default 2"
    )
    assert "NOT VALID" in (changes["table s.orders: constraint cheap"].after or "")
    assert changes["table s.orders: index by_price"].after is None
    assert changes["function s.f()"].before != changes["function s.f()"].after
    assert changes["function s.g()"].before != changes["function s.g()"].after
    assert "body" in (changes["view s.v"].after or "")
    assert "with 3 parts of it" in changes["table s.old"].words  # and not its columns one by one
    assert changes["extension vector"].before is None
    assert "BEFORE INSERT" in (changes["table s.orders: trigger slow"].after or "")
    assert {c.kind for c in changes.values()} <= {"schema", "grant"}
    await looking.source.close()


async def test_roles_rights_and_limits(place: Place):
    await place.do("create table t (id int)", "grant select on t to PROBER")
    looking = place.looking()
    assert await looking() == []
    await place.do(
        "alter role PROBER connection limit 3 valid until '2020-01-01' createdb",
        "alter role PROBER set lock_timeout = '3s'",
        "revoke select on t from PROBER",
        "grant usage on schema public to PROBER",
    )
    changes = by_what(await looking())
    limit = changes[f"role {place.name}: connection limit"]
    assert (limit.kind, limit.before, limit.after) == ("limit", "4", "3")
    assert changes[f"role {place.name}"].after == "login, creates databases"
    assert changes[f"role {place.name}: lock_timeout"].after == "3s"
    assert changes[f"table public.t: rights of {place.name}"].after is None
    until = [c for c in changes.values() if c.what == f"role {place.name}: valid until"]
    assert [c.kind for c in until] == ["deadline"] or until[0].after == "2020-01-01 00:00:00 UTC"
    await looking.source.close()


async def test_settings_rows_of_settings_and_sequences_near_their_end(place: Place):
    await place.do(
        "create table flags (name text primary key, on_off bool, token text, noise int)",
        "insert into flags values ('checkout', true, 'pw-one', 1)",
        "create sequence short as smallint",
        "grant select on flags, short to PROBER",
    )
    looking = place.looking(
        tables=[{"table": "public.flags", "key": "name", "columns": ["on_off", "token"], "kind": "flag"}]
    )
    assert await looking() == []
    await place.do(
        "update flags set on_off = false, token = 'pw-two', noise = 2",
        "select setval('short', 32000)",
        "alter database PROBER set work_mem = '77MB'",
    )
    changes = by_what(await looking())
    flag = changes["public.flags checkout: on_off"]
    assert (flag.kind, flag.after) == ("flag", "false")
    assert changes["public.flags checkout: token"].after == MASK
    assert "noise" not in repr(changes)
    assert changes["sequence public.short: used"].after == "over 95 %"
    assert changes[f"database {place.name}: work_mem"].after == "77MB"
    await looking.source.close()


async def test_what_is_forbidden_is_unknown_and_never_a_change(place: Place):
    await place.do("create table flags (name text, value text)")
    looking = place.looking(tables=[{"table": "flags", "key": "name", "columns": "value"}])
    assert await looking() == []
    areas = {area for _, area in looking.settled.areas}
    assert "rows of flags" not in areas and "login rules" not in areas and "settings" in areas
    await place.do("grant select on flags to PROBER", "grant select on pg_hba_file_rules to PROBER",
                   "grant execute on function pg_hba_file_rules() to PROBER")  # fmt: skip
    assert [c for c in await looking() if c.kind not in ("grant",)] == []
    assert {"rows of flags", "login rules"} <= {area for _, area in looking.settled.areas}
    await looking.source.close()


async def test_a_lock_or_a_slow_server_makes_it_unknown_within_its_bounds(place: Place):
    await place.do("create table flags (name text, value text)", "grant select on flags to PROBER")
    looking = place.looking(tables=[{"table": "flags", "key": "name", "columns": "value"}])
    await looking()
    await place.do("begin", "lock table flags in access exclusive mode")
    began = time.monotonic()
    assert await looking() == []
    assert time.monotonic() - began < 3
    await place.do("rollback")
    async with pgshare.session(place.dsn, looking.source) as connection:  # what the probes set holds for them
        row = await (await connection.execute("select current_setting('statement_timeout') as s")).fetchone()
        assert row == {"s": "1500ms"}
    await looking.source.close()


@pytest.mark.parametrize(
    "limit", ["idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"]
)
async def test_a_limit_that_keeps_everybody_out_is_seen_all_the_same(place: Place, limit: str) -> None:
    """It ended the portal's own sessions too: what had been changed could neither be read nor taken back."""
    looking = place.looking()
    assert await looking() == []
    await pgshare.leave(looking.source)
    await place.do(f"alter database {place.name} set {limit} = '1ms'")
    found = by_what(await looking())
    assert found[f"database {place.name}: {limit}"].after == "1ms"
    with pgguards.connect(conninfo=place.dsn) as session:
        await asyncio.sleep(0.05)
        session.execute("select pg_sleep(0.05)")
        assert session.execute(f"show {limit}").fetchone() == ("0",)


async def test_a_server_that_knows_no_such_limit_is_read_without(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only speaks like Postgres refuses the setting, and could be read before."""
    monkeypatch.setattr(pgguards, "LIMITS", ((0, "no_such_limit_timeout"),))
    looking = place.looking()
    assert await looking() == []
    with pgguards.connect(conninfo=place.dsn) as session:
        assert session.execute("select 1").fetchone() == (1,)


async def test_what_a_session_had_to_bring_along_is_no_change_of_the_server(place: Place) -> None:
    looking = place.looking()
    assert await looking() == []
    await pgshare.leave(looking.source)
    brought = pgguards.as_options(180000)
    looking.source.dsn = make_conninfo(place.dsn, options=brought)
    assert await looking() == []


async def test_redis_settings_users_and_what_was_done_to_it(tmp_path: Path):
    system = make_system(tmp_path, {"cache": {"kind": "redis", "redis": {"url": REDIS_URL}}})
    ours = {"lfu-log-factor", "replica-priority", "slave-priority", "user ledger-test", "FLUSHDB"}
    source = Redis(system, system.service("cache"))
    looking = Looking(system, source, mine=lambda change: change.what.partition(":")[0] in ours)
    client = aioredis.Redis.from_url(REDIS_URL, db=9)
    before = await client.config_get("lfu-log-factor")
    try:
        await client.set("x", 1)
        assert await looking() == []
        await client.config_set("lfu-log-factor", 11)
        await client.config_set("replica-priority", 90)
        await client.acl_setuser("ledger-test", enabled=True, passwords=["+swordfish"], commands=["+get"])
        await client.flushdb()
        changes = by_what(await looking())
        assert changes["lfu-log-factor"].after == "11"
        assert changes["replica-priority"].after == "90" and "slave-priority" not in changes, (
            "one setting, two names"
        )
        assert changes["user ledger-test"].kind == "access"
        assert changes["FLUSHDB"].words == "cache had a database emptied (FLUSHDB)"
        await client.acl_setuser("ledger-test", enabled=True, passwords=["+other"])
        (password,) = await looking()
        assert password.before == password.after == MASK
        assert await looking() == []
    finally:
        await client.config_set("lfu-log-factor", before["lfu-log-factor"])
        await client.config_set("replica-priority", 100)
        await client.acl_deluser("ledger-test")
        await client.aclose()
        await looking.source.close()


def test_whom_a_redis_follows_is_put_back_where_that_was_nobody(tmp_path: Path):
    """Of what it says; a test that makes the shared server a standby would break all others."""
    system = make_system(tmp_path, {"cache": {"kind": "redis", "redis": {"url": REDIS_URL}}})
    source = Redis(system, system.service("cache"))
    primary = source._server({"role": "master"})
    standby = source._server({"role": "slave", "master_host": "10.0.0.9", "master_port": 6379})
    assert (primary["follows"].value, standby["follows"].value) == ("nobody", "10.0.0.9:6379")
    assert "replicaof" not in _settings({"replicaof": "10.0.0.9 6379", "maxclients": "500"})

    def wanted(then: str) -> Wanted:
        now, at = standby["follows"].value, datetime.now(UTC)
        return Wanted("cache", "redis of cache", "server", "follows", "route", now, then, at)

    assert redis_inverse(system, wanted("nobody")).shown == "REPLICAOF NO ONE"
    with pytest.raises(NoInverse, match="take over all data"):
        redis_inverse(system, wanted("10.0.0.7:6379"))
