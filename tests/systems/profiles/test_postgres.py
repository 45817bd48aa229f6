"""The profile of PostgreSQL, against a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from systems.declared.calls import look, tell
from systems.manifest.watched import ReadingSpec
from systems.services import LoadedSystem
from tests.systems.helpers import make_system
from tests.systems.profiles.looks import Bench

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
SLOT, TABLE, ROLE = f"left_{WORKER}", f"profile_dead_{WORKER}", f"profile_eye_{WORKER}"


@pytest.fixture
def server() -> Iterator[psycopg.Connection[Any]]:
    """A session of its own."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        yield session


def system(base: Path, **more: Any) -> LoadedSystem:
    address = os.environ["DATABASE_URL"].replace("postgres://", "postgresql://")
    return make_system(base, {"db": {"profile": "postgres", "address": address, **more}})


async def test_all_of_its_readings_are_answered(tmp_path: Path) -> None:
    bench = Bench(system(tmp_path), "db")
    await bench.look(0)
    found = await bench.look(61)
    own = {metric: r for (metric, _), r in found.items() if metric.startswith("own.")}
    assert {m: r.text for m, r in own.items() if r.value is None} == {}, "unknown"
    assert len(own) == len(system(tmp_path).service("db").readings)
    bad = {k: r.text for k, r in found.items() if k[0].startswith("declared.") and r.value not in (0, None)}
    assert bad == {}, "this one is well"


async def test_a_role_that_only_monitors_may_ask(tmp_path: Path, server: psycopg.Connection[Any]) -> None:
    server.execute(f"drop role if exists {ROLE}".encode())
    server.execute(f"create role {ROLE} login password 'only-looks-9' in role pg_monitor".encode())
    try:
        db = system(tmp_path)
        spec = db.service("db").postgres
        assert spec is not None
        where = psycopg.conninfo.conninfo_to_dict(spec.dsn) | {"user": ROLE, "password": "only-looks-9"}
        spec.dsn = psycopg.conninfo.make_conninfo(**where)
        found = await Bench(db, "db").look(0)
    finally:
        server.execute(f"drop role {ROLE}".encode())
    unknown = {metric for (metric, _), r in found.items() if metric.startswith("own.") and r.value is None}
    assert unknown == {"own.config-test"}, "its `mend` says what to grant"


async def test_a_slot_that_nobody_uses_is_told_and_dropped(
    tmp_path: Path, server: psycopg.Connection[Any]
) -> None:
    db = system(tmp_path, **{"with": {"kept_mb": -1}})
    service = db.service("db")
    (drop,) = [spec for spec in service.actions if spec.name == "drop-slot"]
    assert drop.check is not None and drop.params["slot"].source is not None
    server.execute("select pg_create_physical_replication_slot(%s, true)", [SLOT])
    try:
        bench = Bench(db, "db")
        await bench.look(0)
        found = await bench.look(31)
        assert f"slot {SLOT} of db is used by nobody" in found["declared.own.high", f"wal-kept {SLOT}"].text
        listed = look(db, service, drop.params["slot"].source)
        assert listed == SLOT or {"slot_name": SLOT} in listed
        tell(db, service, drop.do[0], {"slot": SLOT})
        assert look(db, service, drop.check, {"slot": SLOT}) == 0
    finally:
        server.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
            [SLOT],
        )


async def test_rows_that_are_left_dead_are_told(tmp_path: Path, server: psycopg.Connection[Any]) -> None:
    server.execute(f"create table {TABLE} (n int) with (autovacuum_enabled = off)".encode())
    try:
        server.execute(f"insert into {TABLE} select generate_series(1, 30000)".encode())
        server.execute(f"delete from {TABLE} where n <= 20000".encode())
        server.execute("select pg_stat_force_next_flush()")
        server.execute("select 1")
        bench = Bench(system(tmp_path), "db")
        await bench.look(0)
        found = await bench.look(61)
    finally:
        server.execute(f"drop table {TABLE}".encode())
    sign = found["declared.own.context", f"dead-rows public.{TABLE}"]
    assert sign.value and f"67 % of the rows of public.{TABLE} in db are dead" in sign.text


async def test_reloading_is_read_back(tmp_path: Path) -> None:
    db = system(tmp_path)
    (reload,) = [spec for spec in db.service("db").actions if spec.name == "reload-settings"]
    assert reload.check is not None
    tell(db, db.service("db"), reload.do[0])
    assert look(db, db.service("db"), reload.check) is True


@pytest.mark.parametrize(
    ("name", "of", "rows", "words"),
    [
        ("standby-lag", "pg_stat_replication",
         "(values ('east', null::inet, 7, interval '45 seconds')) as r(application_name, client_addr, pid, replay_lag)",
         "the standby east was 45 s behind db"),
        ("config-test", "pg_file_settings",
         "(values ('/etc/p.conf', 3, 'x', 'unrecognized configuration parameter', 1))"
         " as pg_file_settings(sourcefile, sourceline, name, error, seqno)",
         "files now: /etc/p.conf:3: unrecognized configuration parameter"),
        ("archiving", "pg_stat_archiver",
         "(values (now(), now() - interval '1 hour', '0001'))"
         " as a(last_failed_time, last_archived_time, last_failed_wal)",
         "db cannot archive its WAL: failed at 0001"),
        ("bad-pages", "pg_stat_database", "(values (2)) as d(checksum_failures)", "2 pages of db do not match"),
    ],
)  # fmt: skip
async def test_what_one_server_alone_does_not_have_is_told(
    tmp_path: Path, name: str, of: str, rows: str, words: str
) -> None:
    """The same statements over rows as such a server has them."""
    db = system(tmp_path)
    service = db.service("db")
    (spec,) = [spec for spec in service.readings if spec.name == name]
    assert spec.sql is not None and of in spec.sql
    changed = spec.model_dump(by_alias=True, exclude_unset=True) | {"sql": spec.sql.replace(of, rows, 1)}
    service.readings = [ReadingSpec.model_validate(changed)]
    bench = Bench(db, "db")
    await bench.look(0)
    found = await bench.look(61)
    signs = [r for (metric, _), r in found.items() if metric.startswith("declared.") and r.value]
    assert [words in r.text for r in signs] == [True], found
