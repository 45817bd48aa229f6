"""The guest book: nginx, gunicorn with Django, Celery, Postgres and Valkey under a supervisor.

What is asked here of the running system is asked of it directly: its pages, its stores, its files, its processes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from opsportal.local.binaries import postgres_bin, redis_server
from tests.systems.certs import Authority, Certificate
from tests.systems.supervisor.harness import ROOT, Client, free_port

SITE = Path(__file__).parent / "site"
PORTS = ("EDGE", "TLS", "WEB", "DB", "CACHE")
WORDS = ("SECRET_KEY", "PROBER_PASSWORD", "ADMIN_PASSWORD", "CACHE_PASSWORD", "SITE_PASSWORD")
VOLUME_MB = 24
ROLES = """
create role site login password '{SITE_PASSWORD}'; create role prober login password '{PROBER_PASSWORD}';
grant pg_monitor to prober; create database guestbook owner postgres
"""
RIGHTS = """
grant usage on schema public to site, prober; grant select on all tables in schema public to prober;
grant select, insert, update, delete on all tables in schema public to site;
grant usage on all sequences in schema public to site; grant select on pg_file_settings to prober;
grant execute on function pg_show_all_file_settings() to prober
"""


class Guestbook:
    """The running system in a folder of its own. `units`: the parts that it is made of."""

    units = ("db", "cache", "web", "worker", "edge")

    def __init__(self, base: Path) -> None:
        self.base, self.manifest = base, base / "manifest.yaml"
        shutil.copytree(SITE, base, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        base.chmod(0o755)
        self.port = {name: free_port() for name in PORTS}
        self.word = {name: secrets.token_hex(12) for name in WORDS}
        # Postgres is another user than root, and must be able to walk to its data
        self.pgdata = Path(tempfile.mkdtemp(prefix="guestbook-db-")) / "data"
        self.pgdata.parent.chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None
        self.volume_is_apart = False
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        for folder in ("log", "run", "vol"):
            (self.base / folder).mkdir()
        self.volume_is_apart = self._mount(self.base / "vol")
        self._fill_in()
        self.authority = Authority.root(self.base / "authority")
        shutil.copy(self.authority.certificate.pem, self.base / "ca.pem")
        self.show(self.authority.issue("guestbook", "IP:127.0.0.1"))
        shutil.copytree(self.base / "etc", self.base / "golden")
        self.trust = ssl.create_default_context(cafile=self.base / "ca.pem")
        self._make_database()
        file = str(self.base / "processes.yaml")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "systems.supervisor", file, "--die-with-parent"], cwd=ROOT
        )
        until(lambda: not self.wrong(), 60, lambda: f"the guest book does not open: {self.wrong()}")

    # --- making it

    def _mount(self, folder: Path) -> bool:
        """A small volume of its own, where we may have one."""
        argv = ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MB}m", "guestbook", str(folder)]
        return os.geteuid() == 0 and subprocess.run(argv, capture_output=True).returncode == 0

    def _fill_in(self) -> None:
        gunicorn = importlib.util.find_spec("gunicorn")
        assert gunicorn is not None and gunicorn.origin is not None
        where = {
            "BASE": self.base,
            "PGDATA": self.pgdata,
            "POSTGRES": postgres_bin() / "postgres",
            "REDIS": redis_server(),
            "PYTHONPATH": f"{self.base}:{Path(gunicorn.origin).parents[1]}",
        }
        marks = {f"@{name}@": str(value) for name, value in (where | self.port | self.word).items()}
        for file in [*self.base.glob("*.*"), *self.base.glob("etc/*")]:
            text = file.read_text()
            for mark, value in marks.items():
                text = text.replace(mark, value)
            file.write_text(text)

    def _make_database(self) -> None:
        user = {"user": "nobody"} if os.geteuid() == 0 else {}
        if user:
            os.chown(self.pgdata.parent, pwd.getpwnam("nobody").pw_uid, -1)
        password = self.pgdata.parent / "password"
        password.write_text(self.word["ADMIN_PASSWORD"])
        programs = postgres_bin()
        argv = [programs / "initdb", "-D", self.pgdata, "-U", "postgres", "--auth=scram-sha-256", "--no-sync"]
        subprocess.run(
            [*argv, f"--pwfile={password}", "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, cwd="/", **user,
        )  # fmt: skip
        password.unlink()
        own = f"listen_addresses = '127.0.0.1'\nport = {self.port['DB']}\nunix_socket_directories = ''\nfsync = off\n"
        with (self.pgdata / "postgresql.conf").open("a") as conf:
            conf.write(own)
        server = subprocess.Popen(
            [programs / "postgres", "-D", self.pgdata], cwd="/", stderr=subprocess.DEVNULL, **user
        )
        try:
            until(self._answers, 30, lambda: "Postgres does not start")
            for statement in ROLES.format(**self.word).split(";"):
                self.sql(statement, "postgres")
            self._first_day()
            for statement in RIGHTS.split(";"):
                self.sql(statement)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)

    def _answers(self) -> bool:
        try:
            return bool(self.sql("select 1", "postgres"))
        except psycopg.Error:
            return False

    def _first_day(self) -> None:
        env = dict(line.split("=", 1) for line in (self.base / "etc/web.env").read_text().splitlines())
        env["DATABASE_URL"] = self.dsn()
        env |= {"PYTHONPATH": str(self.base), "DJANGO_SETTINGS_MODULE": "guestbook.settings"}
        argv = [sys.executable, "-m", "guestbook.begin"]
        subprocess.run(argv, cwd=self.base, env=os.environ | env, check=True)

    # --- asking it

    def dsn(self, database: str = "guestbook") -> str:
        return f"postgresql://postgres:{self.word['ADMIN_PASSWORD']}@127.0.0.1:{self.port['DB']}/{database}"

    def sql(self, statement: str, database: str = "guestbook") -> list[Any]:
        with psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=5) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def cache(self) -> redis.Redis:
        return redis.Redis(port=self.port["CACHE"], password=self.word["CACHE_PASSWORD"], socket_timeout=5)

    def wrong(self) -> list[str]:
        """What a guest cannot do now."""
        found = []
        url = f"https://127.0.0.1:{self.port['TLS']}"
        with httpx.Client(base_url=url, verify=self.trust, timeout=6) as guest:
            for path, words in (("about", "since 1874"), ("book", "our guests"), ("admin/login", "Log in")):
                found += self._misses(guest, f"/{path}/", words)
            try:
                sent = guest.post("/book/sign/", json={"guest": "Bo", "words": "Fine"})
                found += self._misses(guest, f"/book/{sent.json()['entry']}/", "Fine")
            except (httpx.HTTPError, ValueError) as error:
                found.append(f"sign: {error}")
        return found

    def _misses(self, guest: httpx.Client, path: str, words: str) -> list[str]:
        try:
            answer = guest.get(path)
        except httpx.HTTPError as error:
            return [f"{path}: {error}"]
        return [] if answer.status_code == 200 and words in answer.text else [f"{path}: {answer.status_code}"]

    def ask(self, op: str, unit: str | None = None, **fields: Any) -> dict[str, Any]:
        client = Client(self.base / "run/supervisor.sock")
        try:
            answer = client.ask(op, **({"service": unit} if unit else {}), **fields)
        finally:
            client.close()
        assert answer["ok"] or op in ("start", "restart"), (
            op,
            unit,
            answer,
        )  # whether it comes up is its own business
        return answer

    def unit(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("status")["services"][name]
        return found

    def pids(self) -> dict[str, int | None]:
        return {name: unit["pid"] for name, unit in self.ask("status")["services"].items()}

    def picture(self) -> dict[str, str]:
        """What is settled in it, by part: whoever changes anything of it leaves a trace here."""
        found = {f"file {f.name}": _digest(f.read_bytes()) for f in sorted((self.base / "etc").iterdir())}
        found |= {f"mode {f.name}": oct(f.stat().st_mode) for f in sorted((self.base / "etc").iterdir())}
        for name, statement in PICTURE.items():
            found[f"db {name}"] = json.dumps(self.sql(statement), default=str)
        known: Any = self.cache().config_get("*")
        found["cache settings"] = json.dumps(known, sort_keys=True)
        status = self.ask("status")["services"]
        found |= {f"limit {name}": str(unit["memory_limit_mb"]) for name, unit in status.items()}
        return found

    # --- working on it, as somebody at the keyboard would

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.base / file).read_text()
        assert old in text, (file, old)
        (self.base / file).write_text(text.replace(old, new))

    def as_it_was(self, file: str) -> None:
        shutil.copy(self.base / "golden" / file, self.base / "etc" / file)

    def send(self, unit: str, number: signal.Signals) -> None:
        if pid := self.unit(unit)["pid"]:
            os.kill(pid, number)

    def show(self, certificate: Certificate) -> None:
        """The certificate that the edge shows from its next reload on."""
        shutil.copy(certificate.chain, self.base / "etc/tls.pem")
        shutil.copy(certificate.key, self.base / "etc/tls.key")

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
        if self.volume_is_apart:
            subprocess.run(["umount", "-l", str(self.base / "vol")], check=False)
        shutil.rmtree(self.pgdata.parent, ignore_errors=True)


PICTURE = {
    "roles": "select rolname, rolsuper, rolconnlimit, rolcanlogin, rolconfig from pg_roles where rolname !~ '^pg_'"
    " order by 1",
    "columns": "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'"
    " order by 1, 2",
    "rights": "select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace order by 1",
    "settings": "select name, setting from pg_settings where source not in ('client', 'session') order by 1",
    "databases": "select datname, datconnlimit, datallowconn from pg_database order by 1",
    "pages": "select url, title, content from django_flatpage order by 1",
}


def until(what: Callable[[], object], seconds: float, say: Callable[[], object]) -> None:
    """Look until it holds. AssertionError with what `say` tells when it does not in time."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, say()
        time.sleep(0.2)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
