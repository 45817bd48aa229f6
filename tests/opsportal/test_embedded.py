"""The built-in Postgres and Redis are real servers that keep to themselves."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from opsportal.local.account import give, nobody
from opsportal.local.attach import ROOT
from opsportal.local.datadir import DataDir
from opsportal.local.embedded import Postgres, Redis
from opsportal.local.errors import LocalError
from tests.opsportal.conftest import clean_env


def test_postgres_keeps_its_data_and_has_pgvector(data_dir: Path):
    first = Postgres(data_dir, fast=True)
    first.start()
    try:
        with psycopg.connect(first.url, autocommit=True) as connection:
            connection.execute("create extension vector")
            connection.execute("create table kept (v vector(3))")
            connection.execute("insert into kept values ('[1,2,3]')")
    finally:
        first.stop()
    second = Postgres(data_dir, fast=True)
    second.start()
    try:
        with psycopg.connect(second.url) as connection:
            row = connection.execute("select v <-> '[1,2,4]' from kept").fetchone()
        assert row == (1.0,)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://opsportal@127.0.0.1:{second.port}/postgres")
    finally:
        second.stop()


def test_a_folder_that_becomes_private_does_not_hide_the_data(data_dir: Path):
    """Where the cluster lives is decided once: another answer later would look like an empty portal."""
    before = Postgres(data_dir).cluster
    data_dir.parent.chmod(0o700)
    assert Postgres(data_dir).cluster == before


AS_ANOTHER = """
import os, socket, sys
import psycopg
try:  # whatever is loaded late: the next lines take away the right to read it
    psycopg.connect("postgresql://127.0.0.1:1/x")
except psycopg.OperationalError:
    "x".encode("idna")
uid, folder, cluster, redis_port, pg_port = sys.argv[1:]
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
def seen(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else [open(path).read(1)]
    except PermissionError:
        return []
    except FileNotFoundError:
        return []
names = ["redis", "redis/redis.conf", "logs", "logs/redis.log", "run", "redis-password", "pg-password", "chaos-journal"]
for path in [folder, *(os.path.join(folder, n) for n in names), cluster, cluster + "/PG_VERSION", cluster + "/global"]:
    if found := seen(path):
        print("read", path, found)
with socket.create_connection(("127.0.0.1", int(redis_port)), 5) as client:
    client.sendall(b"LPUSH opsportal x\\r\\n")
    print("redis", client.recv(100).decode())
for user in ("opsportal", "postgres"):
    try:
        psycopg.connect(f"postgresql://{user}@127.0.0.1:{pg_port}/postgres", connect_timeout=5)
        print("postgres let in", user)
    except psycopg.OperationalError as error:
        print("postgres", str(error).splitlines()[-1])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("uid", [pwd.getpwnam("nobody").pw_uid, 12_345])
def test_another_account_of_the_machine_reads_nothing_and_is_not_let_in(data_dir: Path, uid: int):
    holder = DataDir(data_dir)
    holder.open()
    postgres, redis_server = Postgres(data_dir, fast=True), Redis(data_dir)
    for server in (postgres, redis_server):
        server.start()
    try:
        assert postgres.process and psutil.Process(postgres.process.pid).uids().real not in (0, uid)
        places = (data_dir, postgres.cluster, redis_server.port, postgres.port)
        argv = [sys.executable, "-c", AS_ANOTHER, str(uid), *map(str, places)]
        done = subprocess.run(argv, capture_output=True, text=True, cwd="/", timeout=60)
        assert done.returncode == 0, done.stderr
        assert "read" not in done.stdout
        assert "let in" not in done.stdout
        assert "redis -NOAUTH" in done.stdout
        assert done.stdout.count("no password supplied") == 2
        for pid in (postgres.process.pid, redis_server.process.pid if redis_server.process else 0):
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert (data_dir / "redis-password").read_bytes() not in line
    finally:
        for server in (redis_server, postgres):
            server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_a_cluster_of_nobody_changes_hands_once(data_dir: Path):
    """As an earlier version left it."""
    server = Postgres(data_dir, fast=True)
    server.start()
    server.stop()
    assert server.user
    give(server.cluster, nobody())
    again = Postgres(data_dir, fast=True)
    assert again.user == server.user
    again.start()
    try:
        assert {path.stat().st_uid for path in again.cluster.rglob("*")} == {server.user.uid}
        with psycopg.connect(again.url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_a_private_folder_gets_a_reachable_stand_in(data_dir: Path):
    data_dir.parent.chmod(0o700)
    server = Postgres(data_dir, fast=True)
    try:
        server.start()
        assert not server.cluster.is_relative_to(data_dir)
    finally:
        server.stop()
        shutil.rmtree(server.cluster.parent, ignore_errors=True)


def test_postgres_that_cannot_start_says_why_in_one_line(data_dir: Path):
    server = Postgres(data_dir, fast=True)
    server.cluster.mkdir(parents=True)
    (server.cluster / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(LocalError) as caught:
        server.start()
    assert "did not start" in str(caught.value)
    assert str(server.log) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_redis_answers_and_stops(data_dir: Path):
    server = Redis(data_dir)
    server.start()
    client = redis.Redis.from_url(server.url)
    assert client.set("a", "1")
    server.stop()
    with pytest.raises(redis.ConnectionError):
        client.get("a")


_PARENT = """
import sys, time
from pathlib import Path
from opsportal.local.embedded import Postgres, Redis
servers = [Postgres(Path(sys.argv[1]), fast=True), Redis(Path(sys.argv[1]))]
for server in servers:
    server.start()
print(*(server.process.pid for server in servers), flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux only")
def test_servers_die_with_a_killed_parent(data_dir: Path):
    argv = [sys.executable, "-c", _PARENT, str(data_dir)]
    parent = subprocess.Popen(argv, cwd=ROOT, env=clean_env(), stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent:
        servers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        family = [*servers, *(child for server in servers for child in server.children(recursive=True))]
        assert len(family) > 3  # Postgres has helpers of its own
        parent.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
