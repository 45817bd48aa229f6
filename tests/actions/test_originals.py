"""Values that are kept as they are, where somebody switched that on: they bring back what the ledger's words do not."""

from __future__ import annotations

import json
import stat
from typing import Any

import psycopg
import pytest
import yaml

from actions.models import Status
from systems import services
from systems.services import LoadedSystem
from systems.state.originals import _folder
from tests.actions.ledger import Ledger, refused, taken_back
from tests.actions.test_inverses import round_trip, why_not
from tests.actions.test_revert import admin, edit, old, undone

__all__ = ["admin"]
pytestmark = pytest.mark.django_db
TEXT = "# by hand\nlog: {level: INFO}\n"


@pytest.fixture
def keeping(system: LoadedSystem, base: Any) -> LoadedSystem:
    data = yaml.safe_load((base / "manifest.yaml").read_text())
    for name in ("db", "web-1"):
        data["services"][name].setdefault("state", {})["keep"] = True
    (base / "manifest.yaml").write_text(json.dumps(data))
    services._cache.clear()
    services.register(base / "manifest.yaml")
    for kept in _folder().iterdir():
        kept.unlink()
    return services.load("tiny")


@pytest.fixture
def files(keeping: LoadedSystem) -> Ledger:
    for name in ("web-1", "web-2"):
        keeping.path(f"etc/{name}.yaml").write_text(TEXT)
    for file in keeping.path("etc").iterdir():
        old(file)
    ledger = Ledger(keeping, ("files",))
    ledger()
    return ledger


def test_a_file_that_is_gone_comes_back_as_it_last_could_be_read(files: Ledger, alice: Any) -> None:
    path = files.system.path("etc/web-1.yaml")
    edit(files.system, "INFO", "DEBUG")
    files()
    path.unlink()
    done = taken_back(files()["etc/web-1.yaml"], alice)
    assert done.status == Status.SUCCEEDED, done.result
    assert path.read_text() == TEXT.replace("INFO", "DEBUG")
    assert "cannot be undone" in done.preview["undo"] and "by hand" not in json.dumps(done.preview)


def test_a_file_that_does_not_parse_any_more_comes_back_whole(files: Ledger, alice: Any) -> None:
    edit(files.system, "log:", "log: [")
    row = files()["etc/web-1.yaml: text"]
    assert taken_back(row, alice).status == Status.SUCCEEDED
    assert files.system.path("etc/web-1.yaml").read_text() == TEXT


def test_what_somebody_wrote_that_does_not_parse_is_not_lost(files: Ledger, alice: Any) -> None:
    written = edit(files.system, "log:", "half: an hour's work\nlog: [")
    done = taken_back(files()["etc/web-1.yaml: text"], alice)
    assert done.preview["undo"] == "The file is written as it was found."
    assert undone(done.pk, alice) is not None
    assert files.system.path("etc/web-1.yaml").read_text() == written


def test_a_file_comes_back_as_closed_as_it_was(files: Ledger, alice: Any) -> None:
    path = files.system.path("etc/web-1.yaml")
    path.chmod(0o600)
    files()
    path.unlink()
    assert taken_back(files()["etc/web-1.yaml"], alice).status == Status.SUCCEEDED
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_comes_back_and_is_shown_nowhere(files: Ledger, alice: Any) -> None:
    files.system.path("golden/web-1.env").write_text("API_KEY=another\n")
    env = files.system.path("etc/web-1.env")
    was = env.read_text().partition("API_KEY=")[2].splitlines()[0]
    edit(files.system, was, "Qz81LmWx77RtYp02", "etc/web-1.env")
    done = taken_back(files()["API_KEY"], alice)
    assert done.status == Status.SUCCEEDED, done.result
    assert f"API_KEY={was}\n" in env.read_text()
    assert was not in json.dumps([done.preview, done.undo, done.result])


def test_what_is_kept_is_of_the_portal_alone_and_of_nobody_who_did_not_ask(files: Ledger) -> None:
    kept = list(_folder().iterdir())
    assert kept and {stat.S_IMODE(one.stat().st_mode) for one in kept} == {0o600}
    assert stat.S_IMODE(_folder().stat().st_mode) == 0o700
    files.system.path("etc/web-2.yaml").unlink()
    assert "restore-config" in refused(files()["etc/web-2.yaml"])  # that service keeps nothing


SETUP = """
create schema if not exists tiny_shop
create table tiny_shop.one (id int)
create or replace function tiny_shop.sum(a int, b int) returns int language sql as 'select a + b'
create or replace view tiny_shop.few with (security_barrier=true) as select id from tiny_shop.one where id < 10
"""
DONE = [
    (
        "create or replace function tiny_shop.sum(a int, b int) returns int language sql as 'select a - b'",
        "function tiny_shop.sum(a integer, b integer)",
        "select a + b",
    ),
    (
        "create or replace view tiny_shop.few with (security_barrier=true) as select id from tiny_shop.one",
        "view tiny_shop.few",
        "WITH (security_barrier=true)",
    ),
]


@pytest.mark.parametrize(("done", "what", "wanted"), DONE)
def test_functions_and_views_are_made_again_by_their_own_text(
    keeping: LoadedSystem, admin: psycopg.Connection[Any], done: str, what: str, wanted: str
) -> None:
    for statement in SETUP.strip().splitlines():
        admin.execute(statement.encode())
    ledger = Ledger(keeping, ("postgres of db",))
    ledger()
    admin.execute(done.encode())
    assert wanted in round_trip(keeping, ledger()[what])
    ledger()
    admin.execute(b"drop function tiny_shop.sum")
    assert "who may use it" in why_not(keeping, ledger()["function tiny_shop.sum(a integer, b integer)"])
    admin.execute(b"create function tiny_shop.newer() returns int language sql as 'select 1'")
    assert "was not there before" in why_not(keeping, ledger()["function tiny_shop.newer()"])
