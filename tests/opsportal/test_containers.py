"""Parts of the portal's containers: secrets that are made once, the user they step down to, their health checks."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from opsportal.containers import alive, secretfiles, stepdown
from opsportal.local import attach
from opsportal.local.attach import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("portal", "postgres", "redis"):
        (tmp_path / name).mkdir()
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_secrets_are_made_once_and_only_their_owner_reads_them(folder: Path):
    secretfiles.make(folder, {})
    first = texts(folder)
    assert sorted(first) == [
        "portal/database-url",
        "portal/redis-url",
        "portal/secret-key",
        "postgres/password",
        "redis/password",
        "redis/redis.conf",
    ]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()} == {0o400}
    url = urlsplit(first["portal/database-url"])
    assert (url.password, url.hostname) == (first["postgres/password"], "portal-postgres")
    assert f'requirepass "{first["redis/password"]}"' in first["redis/redis.conf"]
    assert len({v for k, v in first.items() if k.endswith(("password", "key"))}) == 3
    secretfiles.make(folder, {})
    assert texts(folder) == first


def test_what_is_given_is_taken(folder: Path):
    given = {
        "OPSPORTAL_SECRET_KEY": "k" * 50,
        "POSTGRES_PASSWORD": "p@ss/w:rd",
        "REDIS_PASSWORD": 'quo"te\\',
        "REDIS_URL": "redis://elsewhere:6379/0",
    }
    secretfiles.make(folder, given)
    made = texts(folder)
    assert made["portal/secret-key"] == given["OPSPORTAL_SECRET_KEY"]
    assert made["portal/redis-url"] == given["REDIS_URL"]
    assert "p%40ss%2Fw%3Ard@portal-postgres" in made["portal/database-url"]
    assert r'requirepass "quo\"te\\"' in made["redis/redis.conf"]


def test_a_password_that_comes_too_late_is_told(folder: Path, capsys: pytest.CaptureFixture[str]):
    secretfiles.make(folder, {"POSTGRES_PASSWORD": "first", "OPSPORTAL_SECRET_KEY": "a"})
    secretfiles.make(folder, {"POSTGRES_PASSWORD": "second", "OPSPORTAL_SECRET_KEY": "b"})
    assert texts(folder)["postgres/password"] == "first"
    assert texts(folder)["portal/secret-key"] == "b"
    assert capsys.readouterr().err.startswith("POSTGRES_PASSWORD is not used")


def test_settings_and_commands_take_secrets_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "url").write_text("postgresql://u:from-a-file@db:5432/n\n")
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "OPSPORTAL_DATA")}
    code = "from django.conf import settings as s; print(s.DATABASES['default']['PASSWORD'], s.ALLOWED_HOSTS)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env | {"DATABASE_URL_FILE": str(tmp_path / "url"), "OPSPORTAL_URL": "http://web:8000/"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("from-a-file "), done.stderr
    assert "'web'" in done.stdout
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("OPSPORTAL_DATA", str(tmp_path))
    assert attach.attach(["manage.py", "gameday"])[1].explicit


@pytest.fixture
def listening():
    """A socket where every user may walk to."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        Path(folder).chmod(0o755)
        path = Path(folder) / "engine.sock"
        server.bind(str(path))
        yield path


def test_the_group_of_the_socket(listening: Path, tmp_path: Path):
    assert stepdown.groups_of(listening) == [listening.stat().st_gid]
    assert stepdown.groups_of(tmp_path) == []  # docker makes a folder where there is no socket
    assert stepdown.groups_of(tmp_path / "nothing") == []
    assert "no socket" in stepdown.trouble(tmp_path)
    assert stepdown.trouble(listening) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can step down")
def test_stepping_down_keeps_the_group_of_the_socket_and_nothing_else(listening: Path):
    os.chown(listening, 0, 12345)
    listening.chmod(0o660)
    code = (
        "import os, sys; from pathlib import Path; from opsportal.containers import stepdown as s\n"
        "path = Path(sys.argv[1]); s.step_down(path)\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups(), s.trouble(path))\n"
        "print([l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm'))])"
    )
    argv = [sys.executable, "-c", code, str(listening)]
    env = {**os.environ, stepdown.TO: "1000"}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "(1000, 1000, 1000) (1000, 1000, 1000) [12345] ",
        "['0000000000000000', '0000000000000000']",
    ], done.stderr
    untouched = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert untouched.stdout.startswith("(0, 0, 0)")


def test_health_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "alive").touch()
    assert alive.trouble(str(tmp_path / "alive")) == ""
    monkeypatch.setattr(alive, "FRESH_S", -1.0)
    assert "silent" in alive.trouble(str(tmp_path / "alive"))
    assert "No such file" in alive.trouble(str(tmp_path / "nothing"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert alive.trouble(port) == ""
    assert "refused" in alive.trouble(port)
    assert "refused" in alive.trouble(f"http://127.0.0.1:{port}/healthz")


def test_an_address_must_answer_200(monkeypatch: pytest.MonkeyPatch):
    def serve(answer: bytes) -> str:
        with socket.create_server(("127.0.0.1", 0)) as server:
            if os.fork() == 0:
                connection, _ = server.accept()
                connection.recv(1000)
                connection.sendall(answer)
                os._exit(0)
            return alive.trouble(f"http://127.0.0.1:{server.getsockname()[1]}/healthz")

    assert serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") == ""
    assert serve(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nill.") == "503 ill."
