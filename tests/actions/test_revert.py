"""What changed is taken back by the inverse of its kind: the very statement or line, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from actions import effects, service, vault
from actions.models import ActionRequest, Status
from systems import services
from systems.services import LoadedSystem
from systems.state.facts import Facts
from systems.state.sources.postgres import Postgres
from tests.actions.conftest import ROLE, SECRET, undone
from tests.actions.ledger import Ledger, ask, refused, taken_back
from tests.pages import person

pytestmark = pytest.mark.django_db
YAML = (
    "# what the team says\nlog: {level: INFO}\ndelay_s: 0   # seconds\nbank:\n  active: first\n  tries: 3\n"
)


@pytest.fixture
def files(system: LoadedSystem) -> Ledger:
    system.path("etc/web-1.yaml").write_text(YAML)
    for file in [*system.path("etc").iterdir(), *system.path("golden").iterdir()]:
        old(file)
    ledger = Ledger(system, ("files",))
    ledger()
    return ledger


def old(path: Path) -> None:
    """Not being written any more."""
    os.utime(path, (path.stat().st_mtime - 9,) * 2)


def edit(system: LoadedSystem, was: str, new: str, name: str = "etc/web-1.yaml") -> str:
    path = system.path(name)
    text = path.read_text().replace(was, new)
    path.write_text(text)
    old(path)
    return text


@pytest.mark.parametrize(
    ("was", "new", "what"),
    [
        ("level: INFO", "level: DEBUG", "log.level"),
        ("delay_s: 0 ", "delay_s: 6 ", "delay_s"),
        ("  tries: 3\n", "", "bank.tries"),
        ("bank:\n", "bank:\n  wait: true\n", "bank.wait"),
        ("active: first", "active: 'second'", "bank.active"),
    ],
)
def test_a_key_of_a_file_goes_back_and_all_else_of_it_stays(
    system: LoadedSystem, files: Ledger, runtime: Any, alice: Any, was: str, new: str, what: str
) -> None:
    edit(system, was, new)
    row = files()[what]
    shown = service.preview("tiny", "revert-change", "web-1", {"change": str(row.pk)})
    assert what in shown["command"] and "etc/web-1.yaml" in shown["command"]
    assert any("told to read it again" in line for line in shown["changes"])
    done = taken_back(row, alice)
    assert done.status == Status.SUCCEEDED, done.result
    path = system.path("etc/web-1.yaml")
    assert "# what the team says" in path.read_text() and "# seconds" in path.read_text()
    assert [op for op, unit, _ in runtime.calls if unit == "web-1"] == ["signal"]
    old(path)
    (back,) = files().values()
    assert (back.what, back.before, back.after, back.actor) == (what, row.after, row.before, "ours")
    undone(done.pk, alice)
    old(path)
    (again,) = files().values()
    assert (again.before, again.after) == (row.before, row.after)


def test_how_a_file_lies_there_goes_back(system: LoadedSystem, files: Ledger, alice: Any) -> None:
    path = system.path("etc/web-1.yaml")
    path.chmod(0o600)
    files()
    path.chmod(0o644)  # what is taken back narrows it: still a matter of access, and asked
    row = files()["etc/web-1.yaml: permissions"]
    request = ask(row)
    assert (request.status, request.risk, request.preview["command"]) == (
        "waiting", "high", "chmod 600 etc/web-1.yaml")  # fmt: skip
    assert taken_back(row, alice).status == Status.SUCCEEDED
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_is_known_by_its_mark_and_comes_from_where_it_is_kept(
    system: LoadedSystem, files: Ledger, alice: Any
) -> None:
    edit(system, f"{SECRET}x", "Qz81LmWx77RtYp02", "etc/web-2.env")
    row = files()["API_KEY"]
    assert SECRET not in json.dumps([row.before, row.after, row.words])
    done = taken_back(row, alice)  # the golden copy has the value of that mark
    assert done.status == Status.SUCCEEDED, done.result
    assert f"API_KEY={SECRET}x\n" in system.path("etc/web-2.env").read_text()
    said = json.dumps([done.preview, done.undo, done.result], ensure_ascii=False)
    assert SECRET not in said and "Qz81LmWx77RtYp02" not in said and "•••" in said
    assert vault.get(done.undo["vault"])["value"] == "Qz81LmWx77RtYp02"  # type: ignore[index]
    assert "golden copy" in (service.not_to_be_rolled_back(done.pk) or "")
    system.path("golden/web-1.env").write_text("API_KEY=another\n")
    edit(system, f"{SECRET}x", "Qz81LmWx77RtYp02", "etc/web-1.env")
    assert "only a mark of it is kept" in refused(files()["API_KEY"])


def test_what_cannot_be_made_again_says_so_and_names_what_does(system: LoadedSystem, files: Ledger) -> None:
    system.path("etc/web-1.yaml").unlink()
    assert "restore-config" in refused(files()["etc/web-1.yaml"])
    system.path("etc/web-2.yaml").write_text("delay_s: [\n")
    edit(system, "[", "[", "etc/web-2.yaml")
    assert "restore-config" in refused(files()["etc/web-2.yaml: text"])


@pytest.fixture
def admin(system: LoadedSystem) -> Iterator[psycopg.Connection[Any]]:
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(f"drop role if exists {ROLE}".encode())
        session.execute(f"create role {ROLE} login password 'pw' connection limit 5".encode())
        session.execute(b"create schema tiny_shop")
        yield session
        session.execute(b"drop schema tiny_shop cascade")
        session.execute(f"drop role {ROLE}".encode())


@pytest.fixture
def database(system: LoadedSystem, admin: psycopg.Connection[Any]) -> Ledger:
    ledger = Ledger(system, ("postgres of db",))
    ledger()
    return ledger


def test_a_setting_of_a_role_goes_back_with_the_sessions_that_carry_it(
    system: LoadedSystem, database: Ledger, admin: Any, alice: Any
) -> None:
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    with psycopg.connect(dsn, user=ROLE, password="pw", autocommit=True) as before:
        database()
        admin.execute(f"alter role {ROLE} set statement_timeout = '5ms'".encode())
        row = database()[f"role {ROLE}: statement_timeout"]
        with psycopg.connect(dsn, user=ROLE, password="pw", autocommit=True) as after:
            request = ask(row)
            assert request.preview["command"].startswith(f'ALTER ROLE "{ROLE}" RESET "statement_timeout"')
            assert request.preview["loss"] == {"sessions": 1}
            assert (request.status, request.risk) == ("waiting", "medium")
            done = taken_back(row, alice)
            assert (done.status, done.result["lost"]) == ("succeeded", {"sessions": 1})
            with pytest.raises(psycopg.OperationalError):
                after.execute("select 1")
        before.execute("select 1")  # it had not got the value
    with psycopg.connect(dsn, user=ROLE, password="pw", autocommit=True) as fresh:
        assert fresh.execute("show statement_timeout").fetchone() == ("0",)
    undone(done.pk, alice)
    assert admin.execute("select setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole"
                         " where rolname = %s", [ROLE]).fetchone() == (["statement_timeout=5ms"],)  # fmt: skip


def test_a_database_that_lets_nobody_in_is_opened_from_beside_it(
    system: LoadedSystem, admin: psycopg.Connection[Any]
) -> None:
    """Who is no superuser is counted, and kept out, too."""
    name = f"{ROLE}_shut"
    admin.execute(f"alter role {ROLE} createdb".encode())
    admin.execute(f"create database {name} owner {ROLE}".encode())
    try:
        spec = system.service("db")
        assert spec.postgres is not None
        dsn = psycopg.conninfo.make_conninfo(spec.postgres.dsn, dbname=name, user=ROLE, password="pw")
        less = spec.postgres.model_copy(update={"dsn": dsn, "admin_dsn": None})
        spec = spec.model_copy(update={"postgres": less})
        admin.execute(f"alter database {name} connection limit 0".encode())
        with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
            effects.admin(spec)
        source = Postgres(system, spec)
        facts = asyncio.run(_read(source, "roles"))
        assert facts is not None and facts[f"database {name}: connection limit"].value == "0"
        with pytest.raises(psycopg.OperationalError):  # what is in it is nowhere else
            asyncio.run(_read(Postgres(system, spec), "tables"))
        with effects.admin(spec, shared=True) as session:
            session.execute(f"alter database {name} connection limit -1".encode())
        effects.admin(spec).close()
    finally:
        admin.execute(f"drop database {name}".encode())


async def _read(source: Postgres, area: str) -> Facts | None:
    try:
        return await source.read_area(("db", area))
    finally:
        await source.close()


def _as_somebody_less(system: LoadedSystem, ask_: Callable[[], str], wanted: str) -> None:
    """What is refused where the portal's role is no superuser."""
    path = system.path("secrets.env")
    text = path.read_text()
    less = re.sub(r"DB_DSN=postgresql://[^@]*@", f"DB_DSN=postgresql://{ROLE}:pw@", text)
    assert less != text
    for now, check in ((less, True), (text, False)):
        path.write_text(now)
        services._cache.clear()
        assert not check or wanted in ask_()


def test_a_setting_of_the_server_goes_back_and_is_read_again(
    system: LoadedSystem, database: Ledger, admin: psycopg.Connection[Any], alice: Any
) -> None:
    try:
        admin.execute("alter system set vacuum_cost_page_miss = 7")
        admin.execute("select pg_reload_conf(), pg_sleep(0.2)")
        row = database()["vacuum_cost_page_miss"]
        _as_somebody_less(system, lambda: refused(row), "may not: `grant alter system on parameter")
        done = taken_back(row, alice)
        assert done.status == Status.SUCCEEDED, done.result
        assert "pg_reload_conf" in done.preview["command"]
        assert admin.execute("show vacuum_cost_page_miss").fetchone() == (row.before,)
    finally:
        admin.execute("alter system reset vacuum_cost_page_miss")
        admin.execute("select pg_reload_conf()")


def test_what_only_its_owner_may_change_is_refused_before_it_is_tried(
    system: LoadedSystem, database: Ledger, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("create table tiny_shop.theirs (id int)")
    database()
    admin.execute("alter table tiny_shop.theirs enable row level security")
    row = database()["table tiny_shop.theirs"]
    _as_somebody_less(system, lambda: refused(row), f"and {ROLE} may not change it")


def test_a_person_takes_it_back_from_the_page_of_the_change(
    system: LoadedSystem, files: Ledger, alice: Any, client: Client
) -> None:
    edit(system, "delay_s: 0 ", "delay_s: 6 ")
    row, path = files()["delay_s"], system.path("etc/web-1.yaml")
    for name, codes in (("rita", ["view_changes"]), ("rob", ["run_action"])):
        client.force_login(person(name, *codes))
        assert client.get(f"/changes/{row.pk}/back/").status_code == 403, name
        assert client.post(f"/changes/{row.pk}/back/").status_code == 403, name
    client.force_login(person("sam", "view_changes", "run_action"))
    assert f'hx-get="/changes/{row.pk}/back/"' in client.get(f"/changes/{row.pk}/").content.decode()
    shown = client.get(f"/changes/{row.pk}/back/").content.decode()
    assert "etc/web-1.yaml" in shown and "told to read it again" in shown and "6" in shown
    assert "delay_s: 6" in path.read_text(), "looking changes nothing"
    went = client.post(f"/changes/{row.pk}/back/")
    (asked,) = ActionRequest.objects.filter(requested_by="sam")
    assert went.headers["location"] == f"/approvals/{asked.pk}/"
    assert (asked.slug, asked.target, asked.params) == ("revert-change", "web-1", {"change": str(row.pk)})
    path.write_text(YAML)
    old(path)
    assert "as it was before already" in client.get(f"/changes/{row.pk}/back/").content.decode()
