"""There and back again on real servers: each kind of change is taken back, applied again, and taken back once more."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest
import yaml
from asgiref.sync import sync_to_async
from django.db import connections

from actions import effects, registry
from actions.base import ActionContext, ActionRefused
from actions.catalogue.settings.revert_change import ChangeParams
from systems import services
from systems.models import ChangeRow
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from systems.state import present
from systems.state.renamed import moved
from tests.actions.conftest import ROLE
from tests.actions.ledger import Ledger
from tests.actions.test_revert import admin
from tests.systems.helpers import http_server

__all__ = ["admin"]
pytestmark = pytest.mark.django_db
ACTION = registry.get("revert-change")


def round_trip(system: LoadedSystem, row: ChangeRow) -> str:
    """Back, and applied again, each seen by the source itself; without the gate. The command shown."""
    ctx, params = ActionContext(system, row.component), ChangeParams(change=str(row.pk))
    shown = ACTION.preview(ctx, params)
    undo = ACTION.prepare(ctx, params)
    done = ACTION.execute(ctx, params)
    assert done.ok, f"{row.words}: {done.message}"
    assert ACTION.rollback(ctx, undo).ok, row.words
    return shown.command


def why_not(system: LoadedSystem, row: ChangeRow) -> str:
    with pytest.raises(ActionRefused) as refused:
        ACTION.check(ActionContext(system, row.component), ChangeParams(change=str(row.pk)))
    return str(refused.value)


SETUP = """
create table tiny_shop.orders (id bigint primary key, price int not null default 1, note text)
create table tiny_shop."Odd ""Name" (id int)
create table tiny_shop.flags (name text primary key, percent int, secret text)
create table tiny_shop.old (id int)
create table tiny_shop.kept (id int)
create table tiny_shop.ruled (id int)
create sequence tiny_shop.few maxvalue 9
create table tiny_shop.typed (id int, code text default 'a', sum numeric, wide text)
insert into tiny_shop.typed values (1, 'Grüße', 1.5, '7')
create table tiny_shop.moves (id int primary key, total int)
create table tiny_shop.called (id int, total int)
create index by_total on tiny_shop.called (total)
create policy mine on tiny_shop.called for select to @R using (id = 1)
create schema if not exists tiny_archive
create index by_price on tiny_shop.orders (price)
alter table tiny_shop.orders add constraint cheap check (price < 100)
create function tiny_shop.t() returns trigger language plpgsql as 'begin return new; end'
create function tiny_shop.f(a int) returns int language sql as 'select 1'
create trigger checks before insert on tiny_shop.orders for each row execute function tiny_shop.t()
insert into tiny_shop.flags values ('check''out: now', 5, 'Aa11Bb22Cc33Dd44'), ('gone', 1, 'x')
grant select, update on tiny_shop.orders to @R
grant select on tiny_shop."Odd ""Name" to @R
grant execute on function tiny_shop.f(int) to @R
alter role @R set search_path = tiny_shop, "$user"
"""
ORDERS = "table tiny_shop.orders"
# what is done, what the ledger calls it, and what has to stand in the statement that takes it back
BACK = [
    ("alter role @R connection limit 1", "role @R: connection limit", 'ALTER ROLE "@R" CONNECTION LIMIT 5'),
    ("alter role @R createdb noinherit", "role @R", 'ALTER ROLE "@R" NOCREATEDB INHERIT'),
    ("alter role @R valid until '2020-01-01'", "role @R: valid until", "VALID UNTIL 'infinity'"),
    ("alter role @R set search_path = pg_temp", "role @R: search_path", "= 'tiny_shop', '$user'"),
    ("alter role @R in database @D set work_mem = '64kB'", "role @R in database @D: work_mem", "RESET"),
    ("revoke update on tiny_shop.orders from @R", f"{ORDERS}: rights of @R", "GRANT UPDATE ON TABLE"),
    ("grant insert (note) on tiny_shop.orders to @R", f"{ORDERS}, column note: rights of @R",
     'REVOKE INSERT ("note") ON TABLE "tiny_shop"."orders"'),
    ('revoke select on tiny_shop."Odd ""Name" from @R', 'table tiny_shop."Odd ""Name": rights of @R',
     'GRANT SELECT ON TABLE "tiny_shop"."Odd ""Name"'),
    ("revoke execute on function tiny_shop.f(int) from @R", "function tiny_shop.f(a integer): rights of @R",
     "GRANT EXECUTE ON FUNCTION"),
    ("grant pg_read_all_data to @R", "role @R: member of pg_read_all_data", 'REVOKE "pg_read_all_data" FROM'),
    ("grant usage on schema tiny_shop to public", "schema tiny_shop: rights of everybody", "REVOKE USAGE ON SCHEMA"),
    ("alter table tiny_shop.orders alter price drop default, alter price drop not null", f"{ORDERS}: column price",
     'ALTER "price" SET DEFAULT 1, ALTER "price" SET NOT NULL'),
    ("alter table tiny_shop.orders drop constraint cheap", f"{ORDERS}: constraint cheap",
     'ADD CONSTRAINT "cheap" CHECK ((price < 100))'),
    ("drop index tiny_shop.by_price", f"{ORDERS}: index by_price", "CREATE INDEX CONCURRENTLY by_price"),
    ("alter table tiny_shop.orders disable trigger checks", f"{ORDERS}: trigger checks", 'ENABLE TRIGGER "checks"'),
    ("alter table tiny_shop.orders enable row level security, force row level security", ORDERS,
     'ALTER TABLE "tiny_shop"."orders" NO FORCE ROW LEVEL SECURITY'),
    ("alter table tiny_shop.ruled owner to @R", "table tiny_shop.ruled", 'ALTER TABLE "tiny_shop"."ruled" OWNER TO'),
    ("alter sequence tiny_shop.few maxvalue 7", "sequence tiny_shop.few", "INCREMENT BY 1 MAXVALUE 9 NO CYCLE"),
    ("alter table tiny_shop.typed alter code drop default, alter code type bytea using convert_to(code, 'UTF8')",
     "table tiny_shop.typed: column code",
     """TYPE text USING convert_from("code", 'UTF8')::text, ALTER "code" SET DEFAULT 'a'::text"""),
    ("alter table tiny_shop.typed alter wide type int using wide::int", "table tiny_shop.typed: column wide",
     'ALTER "wide" TYPE text USING "wide"::text'),
    ("alter table tiny_shop.typed add must text not null default 'x';"
     "alter table tiny_shop.typed alter must drop default",
     "table tiny_shop.typed: column must", 'ALTER TABLE "tiny_shop"."typed" ALTER "must" DROP NOT NULL'),
    ("create rule nothing as on insert to tiny_shop.typed do instead nothing", "table tiny_shop.typed: rule nothing",
     'DROP RULE "nothing" ON "tiny_shop"."typed"'),
    ("alter database @D connection limit 90", "database @D: connection limit", "CONNECTION LIMIT  -1"),
    ("drop policy mine on tiny_shop.called", "table tiny_shop.called: policy mine",
     'CREATE POLICY "mine" ON "tiny_shop"."called" AS PERMISSIVE FOR SELECT TO @R USING ((id = 1))'),
    ("update tiny_shop.flags set percent = 90 where percent = 5", "tiny_shop.flags check'out: now: percent",
     "SET \"percent\" = '5'"),
]  # fmt: skip
NOT_BACK = [
    ("drop table tiny_shop.old", "table tiny_shop.old", "restore-db"),
    ("alter table tiny_shop.orders drop column note", f"{ORDERS}: column note", "restore-db"),
    ("alter table tiny_shop.typed alter id type numeric, alter sum type text; update tiny_shop.typed set id = 1.5",
     "table tiny_shop.typed: column id", "1 values of id would not come through integer as they are"),
    ("alter table tiny_shop.typed add column may text", "table tiny_shop.typed: column may", "would lose its values"),
    ("create table tiny_shop.new (id int)", "table tiny_shop.new", "would lose what it holds"),
    ("create or replace function tiny_shop.f(a int) returns int language sql as 'select 2'",
     "function tiny_shop.f(a integer)", "only a fingerprint"),
    ("delete from tiny_shop.flags where name = 'gone'", "tiny_shop.flags gone: percent", "restore-db"),
    ("update tiny_shop.flags set secret = 'Zk7qPw2xVb9LmT4s' where percent > 1",
     "tiny_shop.flags check'out: now: secret", "a mark of it is kept"),
    ("alter table tiny_shop.kept set unlogged", "table tiny_shop.kept", "a person or its migration"),
]  # fmt: skip


@pytest.fixture
def ledger(system: LoadedSystem, admin: psycopg.Connection[Any], base: Any) -> Iterator[Ledger]:
    """With tables of settings, and what is to be changed."""
    data = yaml.safe_load((base / "manifest.yaml").read_text())
    tables = [{"table": "tiny_shop.flags", "key": "name", "columns": ["percent", "secret"]}]
    data["services"]["db"]["state"] = {"tables": tables}
    (base / "manifest.yaml").write_text(json.dumps(data))
    services._cache.clear()
    services.register(base / "manifest.yaml")
    for statement in SETUP.strip().splitlines():
        admin.execute(named(admin, statement).encode())
    yield Ledger(services.load("tiny"), ("postgres of db",))
    admin.execute(named(admin, "alter database @D reset all").encode())
    admin.execute("drop schema tiny_archive cascade")


def named(admin: psycopg.Connection[Any], text: str) -> str:
    return text.replace("@R", ROLE).replace("@D", admin.info.dbname)


def test_what_postgres_has_there_and_back(ledger: Ledger, admin: psycopg.Connection[Any]) -> None:
    ledger()
    for done, _, _ in BACK:
        admin.execute(named(admin, done).encode())
    rows = ledger()
    for _, what, wanted in BACK:
        assert named(admin, wanted) in round_trip(ledger.system, rows[named(admin, what)]), what


RENAMED = [
    ("alter table tiny_shop.moves set schema tiny_archive", "table tiny_shop.moves",
     'ALTER TABLE "tiny_archive"."moves" SET SCHEMA "tiny_shop"'),
    ("alter table tiny_shop.moves rename to moves_old; alter table tiny_shop.moves_old set schema tiny_archive",
     "table tiny_shop.moves", 'RENAME TO "moves"; ALTER TABLE "tiny_archive"."moves" SET SCHEMA "tiny_shop"'),
    ('alter table tiny_shop.called rename total to "Sum, all"', "table tiny_shop.called: column total",
     'ALTER TABLE "tiny_shop"."called" RENAME COLUMN "Sum, all" TO "total"'),
]  # fmt: skip


def test_that_everybody_only_reads_is_taken_back_by_who_would_only_read_too(
    ledger: Ledger, admin: psycopg.Connection[Any]
) -> None:
    ledger()
    admin.execute(named(admin, "alter database @D set default_transaction_read_only = on").encode())
    rows = ledger()
    row = rows[named(admin, "database @D: default_transaction_read_only")]
    assert "RESET" in round_trip(ledger.system, row)


@pytest.mark.parametrize(("done", "thing", "wanted"), RENAMED)
def test_what_got_another_name_is_neither_gone_nor_new(
    ledger: Ledger, admin: psycopg.Connection[Any], done: str, thing: str, wanted: str
) -> None:
    ledger()
    admin.execute(done.encode())
    rows = ledger()
    (row,) = [r for r in rows.values() if r.before == thing]
    assert f"`{thing}` of db is called `" in row.words
    assert not [r.what for r in rows.values() if r.area == "tables" and r.what.startswith(thing)]
    assert wanted in round_trip(ledger.system, row)
    # the other name once more, and taken away for good: that is told, and not that a number is gone
    table = row.after.partition(":")[0].removeprefix("table ")
    admin.execute(f"drop table {table}".encode())
    assert [r.what for r in ledger().values() if r.area == "tables"] == [f"table {table}"]


def test_what_else_changed_of_what_was_renamed_is_told(
    ledger: Ledger, admin: psycopg.Connection[Any]
) -> None:
    ledger()
    for statement in (
        "alter table tiny_shop.called rename to bills", "drop policy mine on tiny_shop.bills",
        "alter table tiny_shop.bills alter total type bigint", "alter table tiny_shop.bills rename id to number",
    ):  # fmt: skip
        admin.execute(statement.encode())
    told = {r.what: (r.before, r.after) for r in ledger().values() if not r.what.startswith("relation")}
    assert told["table tiny_shop.bills: column total"] == ("integer", "bigint")
    assert told["table tiny_shop.bills: policy mine"][1] is None
    assert not any("column number" in what or "column id" in what for what in told)
    names = {r.before: r.after for r in ChangeRow.objects.filter(what__startswith="relation")}
    assert names["table tiny_shop.called: column id"] == "table tiny_shop.bills: column number"


def test_numbers_of_another_server_tell_no_names() -> None:
    was = {f"relation no. {n}": f"table s.{name}" for n, name in enumerate("abc")}
    now = {f"relation no. {n}": f"table s.{name}" for n, name in enumerate(("new", "a", "b"))}
    assert moved(was, now) == {}


def test_what_no_statement_brings_back_says_what_does(ledger: Ledger, admin: psycopg.Connection[Any]) -> None:
    ledger()
    for done, _, _ in NOT_BACK:
        admin.execute(named(admin, done).encode())
    rows = ledger()
    for _, what, wanted in NOT_BACK:
        assert wanted in why_not(ledger.system, rows[named(admin, what)]), what
    assert "Zk7qPw2xVb9LmT4s" not in json.dumps([r.words for r in rows.values()])


def test_a_disabled_user_comes_back_only_by_a_person(ledger: Ledger, admin: psycopg.Connection[Any]) -> None:
    ledger()
    admin.execute(named(admin, "alter role @R nologin").encode())
    row = ledger()[named(admin, "role @R")]
    ctx, params = ActionContext(ledger.system, "db"), ChangeParams(change=str(row.pk))
    assert (
        (raised := ACTION.raised_by(ctx, params)) and raised[0] == "high" and "do more than now" in raised[1]
    )
    assert round_trip(ledger.system, row) == named(admin, 'ALTER ROLE "@R" LOGIN')


def test_an_index_that_cannot_be_made_leaves_nothing_half_made(
    ledger: Ledger, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("create unique index one_note on tiny_shop.orders (note)")
    ledger()
    admin.execute("drop index tiny_shop.one_note")
    row = ledger()[f"{ORDERS}: index one_note"]
    admin.execute("insert into tiny_shop.orders values (1, 1, 'same'), (2, 1, 'same')")
    ctx = ActionContext(ledger.system, "db")
    with pytest.raises(Exception, match="could not create unique index"):
        ACTION.execute(ctx, ChangeParams(change=str(row.pk)))
    assert admin.execute("select to_regclass('tiny_shop.one_note')").fetchone() == (None,)


def test_what_redis_has_there_and_back(system: LoadedSystem) -> None:
    ledger, name = Ledger(system, ("redis of cache",)), f"tiny-{uuid.uuid4().hex[:8]}"
    with effects.redis_client(system.service("cache")) as client:
        before = client.config_get("lfu-log-factor")["lfu-log-factor"]
        client.acl_setuser(
            name, enabled=True, passwords=["+swordfish"], commands=["+get", "+set"], keys=["a:*"]
        )
        try:
            ledger()
            client.config_set("lfu-log-factor", 12)
            client.acl_setuser(name, commands=["-set"], keys=["b:*"])
            rows = ledger()
            assert round_trip(system, rows["lfu-log-factor"]) == f"CONFIG SET lfu-log-factor {before}"
            assert round_trip(system, rows[f"user {name}"]).startswith(f"ACL SETUSER {name} resetkeys")
            assert client.acl_getuser(name)["passwords"]  # they are left as they are
            client.acl_setuser(name, passwords=["+other"])
            assert "only a mark of it is kept" in why_not(system, ledger()[f"user {name}: passwords"])
        finally:
            client.config_set("lfu-log-factor", before)
            client.acl_deluser(name)


def test_what_a_unit_has_there_and_back(system: LoadedSystem, runtime: FakeRuntime) -> None:
    ledger = Ledger(system, ("units",))
    runtime.limits("crew", 400)
    runtime.set_spec("crew", command="run --fast")
    ledger()
    runtime.limits("crew", 100)
    runtime.set_spec("crew", command="run --slow")
    rows = ledger()
    assert round_trip(system, rows["memory limit"]) == "limits crew: 400"
    assert [call[:2] for call in runtime.calls[-2:]] == [("limits", "crew")] * 2
    assert "its runtime is started from" in why_not(system, rows["command"])


def test_how_many_files_a_running_process_may_have_there_and_back(
    system: LoadedSystem, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(system, ("units",))
    with subprocess.Popen(["sleep", "600"]) as process:
        monkeypatch.setattr(runtime, "near", True)
        runtime.set_state("crew", state="RUNNING", pid=process.pid)
        try:
            usual, most = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            ledger()
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (7, most))
            row = ledger()["open files"]
            assert round_trip(system, row) == f"open files crew: {usual}"
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[0] == 7  # and applied again
            monkeypatch.setattr(runtime, "near", False)
            assert "cannot be read now" in why_not(system, row)  # it is on another machine
        finally:
            process.kill()


def test_what_has_no_value_says_what_it_is(system: LoadedSystem, runtime: FakeRuntime) -> None:
    ledger = Ledger(system, ("units",))
    ledger()
    runtime.restart("crew")
    (row,) = ledger().values()
    assert "left no value" in why_not(system, row)


async def _served(pools: dict[str, str], base: Any, do: Any) -> None:
    """`do` while a proxy of these pools answers at the address in the manifest."""

    def answer(method: str, path: str, body: bytes) -> tuple[int, Any]:
        url = urlsplit(path)
        if method == "POST":
            pools[unquote(url.path.split("/")[2])] = parse_qs(url.query)["pool"][0]
        return 200, {name: {"sent_to": to} for name, to in pools.items()}

    async with http_server(answer) as url:
        data = yaml.safe_load((base / "manifest.yaml").read_text())
        sets = {"*.sent_to": f"{url}/pools/{{1}}/use?pool={{value}}"}
        data["services"]["front"]["state"] = {
            "http": [{"url": f"{url}/pools", "only": ["*.sent_to"], "sets": sets}]
        }
        (base / "manifest.yaml").write_text(json.dumps(data))
        services._cache.clear()
        await sync_to_async(services.register)(base / "manifest.yaml")
        await asyncio.to_thread(do)


@pytest.mark.django_db(transaction=True)
def test_what_a_proxy_has_there_and_back(system: LoadedSystem, base: Any) -> None:
    pools = {"api & more": "blue 1"}

    def do() -> None:
        ledger = Ledger(services.load("tiny"), ("http of front",))
        ledger()
        pools["api & more"] = "green"
        row = ledger()["api & more.sent_to"]
        assert round_trip(ledger.system, row).endswith("/pools/api%20%26%20more/use?pool=blue%201")
        assert pools["api & more"] == "green"
        connections.close_all()

    asyncio.run(_served(pools, base, do))


def test_what_only_a_start_brings_into_effect(
    system: LoadedSystem, runtime: FakeRuntime, admin: psycopg.Connection[Any]
) -> None:
    """Written and waiting, it is taken back without one; in effect, with one, which is counted."""
    ledger = Ledger(system, ("postgres of db",))
    ledger()
    try:
        admin.execute("alter system set max_files_per_process = 999")
        admin.execute("select pg_reload_conf(), pg_sleep(0.2)")
        row = ledger()["max_files_per_process"]
        ctx, params = ActionContext(system, "db"), ChangeParams(change=str(row.pk))
        assert row.pending and not any(e.startswith("restart:") for e in ACTION.effects(ctx, params))
        assert ACTION.execute(ctx, params).ok and not present.look(system, row).is_as_changed
        ChangeRow.objects.filter(pk=row.pk).update(pending=False)
        assert "restart:db" in ACTION.effects(ctx, params) and not runtime.calls
    finally:
        admin.execute("alter system reset max_files_per_process")
        admin.execute("select pg_reload_conf()")
