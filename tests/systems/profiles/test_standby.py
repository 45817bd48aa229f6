"""The profile of PostgreSQL on a real primary and its standby: what is slow, stuck or cut off is told, and by whom."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from opsportal.local.binaries import postgres_bin
from systems.declared.asking import ask
from systems.declared.series import Series
from tests.systems.helpers import closed_port, make_system

pytestmark = pytest.mark.slow
OTHER = "nobody"  # a server refuses to run as root


class Pair:
    """A primary and a standby of it, on loopback, with data below `base`."""

    def __init__(self, base: Path) -> None:
        self.base, self.bin = base, postgres_bin()
        self.ports = {name: closed_port().rpartition(":")[2] for name in ("primary", "standby")}
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.how: dict[str, Any] = {"cwd": base, "env": {"PATH": os.environ["PATH"], "HOME": str(base)}}
        if os.geteuid() == 0:
            self.how["user"] = OTHER
        self.run("initdb", "-D", base / "primary", "-U", "postgres", "--auth=trust", "--no-sync")
        self.primary = self.start("primary")
        where = ("-h", "127.0.0.1", "-p", self.ports["primary"], "-U", "postgres")
        self.run("pg_basebackup", *where, "-D", base / "standby", "-R", "-c", "fast", "--no-sync")
        self.standby = self.start("standby")

    def run(self, program: str, *words: object) -> None:
        argv = [str(self.bin / program), *map(str, words)]
        subprocess.run(argv, check=True, capture_output=True, **self.how)

    def start(self, name: str) -> psycopg.Connection[Any]:
        argv = [str(self.bin / "postgres"), "-D", str(self.base / name)]
        given = {
            "port": self.ports[name],
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.base,
        }
        for key, value in (given | {"fsync": "off"}).items():
            argv += ["-c", f"{key}={value}"]
        with (self.base / f"{name}.log").open("wb") as log:
            self.started[name] = subprocess.Popen(argv, stderr=log, **self.how)
        ends = time.monotonic() + 60
        while True:
            try:
                return psycopg.connect(self.dsn(name), autocommit=True)
            except psycopg.OperationalError:
                assert time.monotonic() < ends and self.started[name].poll() is None, name
                time.sleep(0.1)

    def dsn(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.ports[name]}/postgres"

    def end(self) -> None:
        for process in self.started.values():
            process.kill()
            process.wait()

    def read(self, name: str) -> dict[str, Series | str]:
        """What every reading of the profile answers there."""
        system = make_system(self.base, {"db": {"profile": "postgres", "address": self.dsn(name)}})
        service = system.service("db")
        return {spec.name: ask(system, service, spec) for spec in service.readings}

    def number(self, name: str, reading: str) -> float:
        found = self.read(name)[reading]
        assert isinstance(found, dict), found
        (value,) = found.values()
        assert value is not None and value.number is not None
        return value.number

    def until(self, name: str, reading: str, low: float, high: float) -> None:
        ends = time.monotonic() + 60
        while not low <= (now := self.number(name, reading)) <= high:
            assert time.monotonic() < ends, (name, reading, now)
            time.sleep(0.2)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """In a folder of its own: whoever else runs tests may shut the common one to others."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            subprocess.run(["chown", OTHER, folder], check=True)
        found = Pair(Path(folder))
        yield found
        found.end()


def test_both_answer_everything_and_are_well(pair: Pair) -> None:
    pair.until("standby", "standby-link", 1, 1)
    for name in ("primary", "standby"):
        unknown = {reading: said for reading, said in pair.read(name).items() if isinstance(said, str)}
        assert unknown == {}, name
    behind = pair.read("primary")["standby-behind"]
    assert isinstance(behind, dict) and list(behind) == ["walreceiver"], "by the standby's name"


@pytest.mark.parametrize("replayed", ["nothing", "a transaction"])
def test_a_standby_that_stands_still_is_told_by_both(pair: Pair, replayed: str) -> None:
    """Also one that has replayed no transaction since it started, which knows no time of its last one."""
    pair.until("standby", "standby-delay", 0, 0)
    (last,) = pair.standby.execute("select pg_last_xact_replay_timestamp()").fetchone() or ()
    assert (last is None) == (replayed == "nothing")
    pair.standby.execute("select pg_wal_replay_pause()")
    pair.primary.execute("create table if not exists t (n int)")
    pair.primary.execute("insert into t select generate_series(1, 100000)")
    pair.until("primary", "standby-behind", 3, 100)
    pair.until("standby", "standby-delay", 1, 600)
    pair.standby.execute("select pg_wal_replay_resume()")
    pair.until("primary", "standby-behind", 0, 1)
    pair.until("standby", "standby-delay", 0, 0)


def test_settings_that_would_not_be_taken_are_told(pair: Pair) -> None:
    """One that a restart would take (`max_connections`) is no mistake."""
    file = pair.base / "primary/postgresql.conf"
    good = file.read_text()
    file.write_text(f"{good}\nmax_connections = 77\nfoo_bar = 3\n")
    try:
        found = pair.read("primary")["config-test"]
    finally:
        file.write_text(good)
    assert isinstance(found, dict)
    ((place, value),) = found.items()
    assert "postgresql.conf:" in place and value and value.text == "unrecognized configuration parameter"
    assert pair.read("primary")["config-test"] == {"": type(value)(None, "ok")}


def test_a_standby_that_is_cut_off_says_so(pair: Pair) -> None:
    """The last one: the primary ends."""
    pair.started["primary"].terminate()
    pair.started["primary"].kill()
    pair.until("standby", "standby-link", 0, 0)
