"""What is seen of files."""

import os
import time
from pathlib import Path
from typing import Any, cast

import pytest

from systems.redact import MASK
from systems.runtimes.fake import FakeRuntime
from systems.state.inverses.files import inverse
from systems.state.inverses.types import Wanted
from systems.state.sources.files import Files
from tests.systems.helpers import make_system
from tests.systems.state.looking import Looking

SECRET = "Zk7qPw2xVb9LmT4s"


def look_at(folder: Path, **service: Any) -> Looking:
    system = make_system(folder, {"api": {"kind": "http", **service}})
    return Looking(system, Files(system))


def write(path: Path, text: str, ago: float = 5.0) -> None:
    """As if written a moment ago: what is being written now is left for the next look."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    at = path.stat().st_mtime - ago
    os.utime(path, (at, at))


@pytest.fixture
def config(tmp_path: Path) -> Looking:
    write(tmp_path / "api.yaml", "log: {level: INFO}\ndb: {password: swordfish1}\n")
    write(tmp_path / "golden/api.yaml", "log: {level: INFO}\ndb: {password: swordfish1}\n")
    return look_at(tmp_path, config={"file": "api.yaml", "golden": "golden/api.yaml", "reload": "HUP"})


async def test_a_key_that_changes_is_told_with_both_values(config: Looking, tmp_path: Path):
    assert await config() == []
    write(tmp_path / "api.yaml", "log: {level: DEBUG}\ndb: {password: swordfish1}\n", ago=0.5)
    (change,) = await config()
    assert change.words == "`log.level` of api changed from INFO to DEBUG"
    assert (change.kind, change.what, change.before, change.after) == ("config", "log.level", "INFO", "DEBUG")
    assert change.last_old <= change.first_new
    assert change.written_at is not None and change.pending is False
    assert await config() == []


async def test_a_secret_that_changes_is_told_without_it(config: Looking, tmp_path: Path):
    await config()
    write(tmp_path / "api.yaml", f"log: {{level: INFO}}\ndb: {{password: {SECRET}}}\nspare: {SECRET}x\n")
    changes = {c.what: c for c in await config()}
    assert changes["db.password"].before == changes["db.password"].after == MASK
    assert changes["spare"].after == MASK
    assert SECRET not in repr(changes) and "swordfish" not in repr(changes)


async def test_a_file_that_is_broken_or_gone_is_one_change(config: Looking, tmp_path: Path):
    await config()
    write(tmp_path / "api.yaml", "log: {level: [\n")
    (broken,) = await config()
    assert broken.what == "api.yaml: text" and "does not parse (api.yaml:" in (broken.after or "")
    (tmp_path / "api.yaml").unlink()
    (gone,) = await config()
    assert gone.words.startswith("`api.yaml` of api is gone")
    write(tmp_path / "api.yaml", "log: {level: WARN}\ndb: {password: swordfish1}\n")
    assert {c.what for c in await config()} == {"api.yaml", "log.level"}


async def test_what_differs_from_its_golden_copy_at_first_sight_is_told(tmp_path: Path):
    write(tmp_path / "golden/api.yaml", "retries: 3\nold: 1\n", ago=100)
    write(tmp_path / "api.yaml", "retries: 300\n", ago=50)
    looking = look_at(tmp_path, config={"file": "api.yaml", "golden": "golden/api.yaml"})
    changes = {c.what: c for c in await looking()}
    assert (changes["retries"].before, changes["retries"].after) == ("3", "300")
    assert changes["old"].after is None
    assert changes["retries"].pending  # this one is read at the next start
    assert changes["retries"].last_old < changes["retries"].first_new


async def test_environment_permissions_and_the_link_to_the_release(tmp_path: Path):
    write(
        tmp_path / "api.env",
        f"DATABASE_URL=postgresql://app:{SECRET}@db:5432/shop\nWORKERS=4\nNOTE=be quick\n",
    )
    for version in ("1.4.2", "1.5.0"):
        (tmp_path / version).mkdir()
    (tmp_path / "current").symlink_to("1.4.2")
    looking = look_at(tmp_path, env={"file": "api.env"}, release={"link": "current"})
    assert await looking() == []
    write(
        tmp_path / "api.env",
        f"DATABASE_URL=postgresql://app:{SECRET}@other:5432/shop\nWORKERS=8\nNOTE=swordfish\n",
    )
    (tmp_path / "api.env").chmod(0o600)
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("1.5.0")
    changes = {c.what: c for c in await looking()}
    assert changes["DATABASE_URL"].after == f"postgresql://app:{MASK}@other:5432/shop"
    assert (changes["WORKERS"].before, changes["WORKERS"].after) == ("4", "8")
    assert changes["NOTE"].after is not None
    assert changes["api.env: permissions"].after == "rw-------"
    release = changes["current: points to"]
    assert (release.kind, release.before, release.after) == ("release", "1.4.2", "1.5.0")
    assert SECRET not in repr(changes)


async def test_the_link_below_which_a_unit_runs_is_seen_and_put_back_though_no_manifest_names_it(
    tmp_path: Path,
):
    for version in ("2.7.0", "2.7.1"):
        (tmp_path / "releases" / version).mkdir(parents=True)
    link = tmp_path / "releases/current"
    link.symlink_to("2.7.0")
    system = make_system(tmp_path, {n: {"kind": "http", "unit": n} for n in ("worker", "batch", "db")})
    runtime = cast(FakeRuntime, system.runtime)
    runtime.set_spec("worker", directory=str(link))
    runtime.set_spec("batch", directory=str(link / "jobs"))
    runtime.set_spec("db", directory="/var/lib/postgresql")
    looking = Looking(system, Files(system))
    assert await looking() == []
    link.unlink()
    link.symlink_to("2.8.0")
    changes = {c.component: c for c in await looking() if c.kind == "release"}
    assert {*changes} == {"worker", "batch"}
    change = changes["worker"]
    assert (change.what, change.after) == ("releases/current: points to", "2.8.0 (not there)")
    assert change.pending
    runtime.restart("worker")
    runtime.set_state("batch", state="RUNNING", pid=4711, started_at=time.time() - 60)
    wanted = Wanted(
        "worker", "files", "releases/current: file", change.what, change.kind, change.after, change.before,
        change.first_new,
    )  # fmt: skip
    found = inverse(system, wanted)
    assert "2.7.0" in found.shown
    assert found.loads == {"worker": "restart"}  # the other one still runs what it was started with
    runtime.set_state("batch", state="STOPPED", pid=None, started_at=None)
    assert inverse(system, wanted).loads == {"worker": "restart"}  # somebody stopped it, and has not said why
    runtime.set_state("batch", state="STOPPED", fatal=True)
    assert inverse(system, wanted).loads == {"worker": "restart", "batch": "restart"}


async def test_how_the_files_lie_that_a_command_names_itself_or_by_their_folder(tmp_path: Path):
    for name in ("data/pg_hba.conf", "data/base/1", "etc/cache.conf", "etc/api.yaml"):
        write(tmp_path / name, "x: 1")
    system = make_system(
        tmp_path,
        {
            "db": {"kind": "postgres", "unit": "db"},
            "cache": {"kind": "redis", "unit": "cache"},
            "api": {
                "kind": "http",
                "unit": "api",
                "config": {"file": "etc/api.yaml", "golden": "etc/api.yaml"},
            },
        },
    )
    runtime = cast(FakeRuntime, system.runtime)
    runtime.set_spec("db", command=f"/usr/lib/postgres -D {tmp_path}/data")
    runtime.set_spec(
        "cache", command=f"redis-server {tmp_path}/etc/cache.conf /etc/passwd {tmp_path}/../passwd"
    )
    runtime.set_spec("api", command=f"serve --config={tmp_path}/etc/api.yaml 'unbalanced")
    looking = Looking(system, Files(system))
    assert await looking() == []
    for name in ("data/pg_hba.conf", "data/base/1", "etc/cache.conf"):
        (tmp_path / name).chmod(0o600)
    assert sorted((c.component, c.what) for c in await looking()) == [
        ("cache", "etc/cache.conf: permissions"),
        ("db", "data/pg_hba.conf: permissions"),
    ]


async def test_a_file_that_the_manifest_names_and_who_manages_it(tmp_path: Path):
    write(tmp_path / "crontab", "# jobs\n*/5 * * * * report\n")
    looking = look_at(tmp_path, state={"files": "crontab", "owner": "gitops"})
    assert await looking() == []
    write(tmp_path / "crontab", "# jobs\n*/1 * * * * report\n")
    changes = await looking()
    assert {c.owner for c in changes} == {"gitops"}
    assert any("*/1" in c.words for c in changes)


async def test_a_file_just_being_written_is_left_for_the_next_look(config: Looking, tmp_path: Path):
    await config()
    (tmp_path / "api.yaml").write_text("log: {}\n")
    assert await config() == []


async def test_of_a_folder_that_is_named_with_a_slash_only_how_it_lies_there_is_read(tmp_path: Path):
    write(tmp_path / "data/rows.db", "1")
    (tmp_path / "data").chmod(0o700)
    looking = look_at(tmp_path, state={"files": ["data/"]})
    assert await looking() == []
    write(tmp_path / "data/rows.db", "2")
    write(tmp_path / "data/more.db", "1")
    assert await looking() == []
    (tmp_path / "data").chmod(0o755)
    (change,) = await looking()
    assert (change.what, change.before, change.after) == ("data/: permissions", "rwx------", "rwxr-xr-x")
