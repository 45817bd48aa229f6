"""Rules of who may log in from where: how a line of the file is told, and there and back on a real server."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from actions import reverting
from actions.base import ActionContext, ActionFailed
from systems import services
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from systems.state.inverses import widens
from systems.state.inverses.pgrules import rule
from systems.state.inverses.types import Inverse, Sql
from tests.actions.ledger import Ledger
from tests.actions.test_inverses import round_trip, why_not
from tests.actions.test_revert import admin

__all__ = ["admin"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("host    shop   app   127.0.0.1/32     reject", "host shop app 127.0.0.1 255.255.255.255 reject"),
        ("host all all fe80::/16 md5 # ours", "host all all fe80:: ffff:: md5"),
        ("local all all peer map=us", "local all all peer map=us"),
        ('hostssl shop, "other one" app,+ops all md5', "hostssl shop,other one app,+ops all md5"),
        ("host all all 10.0.0.0 255.0.0.0 trust", "host all all 10.0.0.0 255.0.0.0 trust"),
        ("# host all all 10.0.0.0/8 trust", ""),
        ("include other.conf", ""),
        ("host all all", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_line_is_told_as_the_server_tells_its_rule(line: str, told: str) -> None:
    assert rule(line) == told


@pytest.fixture
def file(admin: psycopg.Connection[Any], system: LoadedSystem, base: Path) -> Iterator[Path]:
    """The rules of the tests' own server, which the manifest names; as they were, afterwards."""
    row = admin.execute("show hba_file").fetchone()
    path = Path(str(row and row[0]))
    if not path.is_file():
        pytest.skip("the tests' server runs on another machine")
    before = path.read_text()
    data = yaml.safe_load((base / "manifest.yaml").read_text())
    data["services"]["db"]["state"] = {"files": [str(path)]}
    (base / "manifest.yaml").write_text(json.dumps(data))
    services._cache.clear()
    services.register(base / "manifest.yaml")
    yield path
    path.write_text(before)
    admin.execute("select pg_reload_conf()")


def test_a_rule_that_shuts_somebody_out_there_and_back(file: Path, admin: psycopg.Connection[Any]) -> None:
    ledger = Ledger(services.load("tiny"), ("postgres of db",))
    ledger()
    before = file.read_text()
    file.write_text("host all tiny_nobody 10.9.9.9/32 reject\n" + before)
    admin.execute("select pg_reload_conf()")
    row = ledger()["host all tiny_nobody 10.9.9.9 255.255.255.255 reject"]
    command = round_trip(ledger.system, row)
    assert "is made a comment" in command and "pg_reload_conf" in command
    assert file.read_text().splitlines()[0] == "host all tiny_nobody 10.9.9.9/32 reject", "in its place"
    file.write_text(file.read_text() + "host all tiny_nobody 10.9.9.9/32 reject\n")
    assert "a person puts it right" in why_not(ledger.system, row)


def test_a_rule_that_somebody_made_a_comment_comes_back(file: Path, admin: psycopg.Connection[Any]) -> None:
    line = "host all tiny_nobody 10.9.9.8/32 scram-sha-256\n"
    file.write_text(file.read_text() + line)
    admin.execute("select pg_reload_conf()")
    ledger = Ledger(services.load("tiny"), ("postgres of db",))
    ledger()
    file.write_text(file.read_text().replace(line, f"# {line}"))
    admin.execute("select pg_reload_conf()")
    row = ledger()["host all tiny_nobody 10.9.9.8 255.255.255.255 scram-sha-256"]
    assert "no comment any more" in round_trip(ledger.system, row)


def test_who_may_not_ask_for_a_reload_has_the_server_told_by_its_runtime(
    system: LoadedSystem, base: Path, admin: psycopg.Connection[Any]
) -> None:
    name = f"tiny_plain_{uuid.uuid4().hex[:8]}"
    admin.execute(sql.SQL("create role {} login password 'plain'").format(sql.Identifier(name)))
    data = yaml.safe_load((base / "manifest.yaml").read_text())
    spec = data["services"]["db"]["postgres"]
    spec["admin_dsn"] = make_conninfo(os.environ["DATABASE_URL"], user=name, password="plain")
    (base / "manifest.yaml").write_text(json.dumps(data))
    services._cache.clear()
    services.register(base / "manifest.yaml")
    loaded = services.load("tiny")
    reload, other = (
        Inverse((Sql("db", sql.SQL("SELECT {}()").format(sql.SQL(what))),))
        for what in ("pg_reload_conf", "pg_rotate_logfile")
    )
    try:
        told = reverting.run(ActionContext(loaded, "db"), reload)
        with pytest.raises(ActionFailed, match="permission denied"):
            reverting.run(ActionContext(loaded, "db"), other)
    finally:
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
    assert told == ["db was told to read its files again (HUP)"]
    assert isinstance(loaded.runtime, FakeRuntime)
    assert [(op, unit) for op, unit, _ in loaded.runtime.calls] == [("signal", "db")]


def test_that_everybody_may_write_again_is_for_a_person() -> None:
    for kind in ("setting", "role"):
        assert widens(kind, "database shop: default_transaction_read_only", "on", None)
