"""A real Postgres (with pgvector) and a real Redis-protocol server as children of this process.

Both want a password, and no other account of this machine can read their files: the passwords lie in the data folder.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from opsportal.local.account import give, nobody, server_account
from opsportal.local.binaries import postgres_bin, reachable, redis_server, shadow
from opsportal.local.child import Argv, spawn, stop, tail
from opsportal.local.errors import LocalError, explain_os_error
from opsportal.local.ports import free_port

DATABASE = "opsportal"
_DURABLE = {"shared_buffers": "64MB", "max_connections": "80", "io_method": "sync"}
_LEAN = {"max_parallel_workers": "0", "jit": "off", "log_min_messages": "warning"}
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_REDIS = """\
port {port}
bind 127.0.0.1
protected-mode yes
requirepass "{password}"
save ""
appendonly no
dir "{folder}"
"""


def _secret(path: Path) -> str:
    """The password in `path`, made at the first call."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()


class Postgres:
    """One cluster in `data_dir`/pg; `fast` gives up durability, for tests. It keeps its port when it starts again."""

    stop_signal = signal.SIGINT  # fast shutdown; SIGTERM would wait for the clients

    def __init__(self, data_dir: Path, *, fast: bool = False) -> None:
        self.bin = postgres_bin()
        self.fast = fast
        self.log = data_dir / "logs" / "postgres.log"
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
            self.user = server_account(data_dir / "pg-account")
        except OSError as error:
            raise explain_os_error(error, str(data_dir)) from error
        self.root = self._root(data_dir)
        self.cluster = self.root / "pg"
        self.password_file = data_dir / "pg-password"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def _root(self, data_dir: Path) -> Path:
        """Where the cluster lives: data_dir, or a stand-in where its account cannot walk to it. Chosen only once."""
        choice = data_dir / "pg-location"
        try:
            if choice.exists():
                return Path(choice.read_text())
            root = data_dir
            if self.user and not reachable(data_dir):
                root = shadow(data_dir, "data")
                root.mkdir(mode=0o711, exist_ok=True)
            choice.write_text(str(root))
        except OSError as error:
            raise explain_os_error(error, str(data_dir)) from error
        return root

    def _initdb(self) -> None:
        """Create the cluster; an interrupted attempt leaves nothing that looks finished.

        initdb wants to run as somebody with a name: as nobody, but in a folder that only the group of the server's
        account may enter.
        """
        making = self.root / "pg-making"
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(self.cluster, ignore_errors=True)
        making.mkdir(mode=0o710)
        draft, secret = making / "pg", making / "password"
        draft.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(_secret(self.password_file))
        somebody = self.user and (nobody().uid, self.user.gid)
        if somebody:
            os.chown(making, 0, somebody[1])
            os.chown(draft, *somebody)
            os.chown(secret, *somebody)
        locale = "--locale=C.UTF-8" if sys.platform == "linux" else "--no-locale"
        argv = [str(self.bin / "initdb"), "-D", str(draft), "-U", DATABASE, f"--pwfile={secret}"]
        result = subprocess.run(
            [*argv, "--auth=scram-sha-256", "--encoding=UTF8", locale, "--no-sync"],
            capture_output=True,
            text=True,
            cwd="/",
            user=somebody[0] if somebody else None,
            group=somebody[1] if somebody else None,
            extra_groups=[] if somebody else None,
        )
        if result.returncode == 0:
            draft.rename(self.cluster)
        shutil.rmtree(making, ignore_errors=True)
        if result.returncode:
            raise LocalError(_initdb_advice(result.stderr, self.cluster))

    def start(self) -> None:
        """Start the server and return once it accepts a login; raises LocalError with the reason."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.cluster / "PG_VERSION").exists():
                self._initdb()
            if self.user:
                give(self.cluster, self.user)
        except OSError as error:
            raise explain_os_error(error, str(self.cluster)) from error
        self._end_leftover()
        self.port = free_port()
        self.process = spawn(self.argv, log=self.log, user=self.user, cwd="/", death_signal=self.stop_signal)
        self._wait_ready()

    @property
    def argv(self) -> Argv:
        options = {
            **_DURABLE,
            **_LEAN,
            **(_UNSAFE if self.fast else {}),
            "unix_socket_directories": "",
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self.bin / "postgres", "-D", self.cluster, *flags]

    def _end_leftover(self) -> None:
        """A postmaster of this cluster whose parent vanished is on its way out: wait for it."""
        try:
            process = psutil.Process(int((self.cluster / "postmaster.pid").read_text().split()[0]))
            if Path(process.cwd()) == self.cluster.resolve():
                process.send_signal(self.stop_signal)
                process.wait(15)
        except (OSError, IndexError, ValueError, psutil.Error):
            return

    def _wait_ready(self) -> None:
        import psycopg

        assert self.process is not None
        deadline = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=5) as admin:
                    known = admin.execute(
                        "select 1 from pg_database where datname = %s", [DATABASE]
                    ).fetchone()
                    if not known:
                        admin.execute(f"create database {DATABASE}")
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise LocalError(self._startup_advice(str(error))) from error
                time.sleep(0.05)
            except psycopg.Error as error:
                raise LocalError(self._startup_advice(str(error))) from error

    def _startup_advice(self, error: str) -> str:
        last = tail(self.log, 2) or error.strip()
        if "No space left" in last or "No space left" in error:
            return f"the disk that holds {self.cluster} is full: free some space and run again"
        return f"the embedded Postgres did not start: {last} (log: {self.log})"

    def dsn(self, database: str = DATABASE) -> str:
        return f"postgresql://{DATABASE}:{_secret(self.password_file)}@127.0.0.1:{self.port}/{database}"

    @property
    def url(self) -> str:
        return self.dsn()

    def stop(self) -> None:
        if self.process:
            stop(self.process, self.stop_signal, 10)


def _initdb_advice(stderr: str, cluster: Path) -> str:
    if "No space left" in stderr:
        return f"the disk that holds {cluster} is full: free some space and run again"
    reasons = [line for line in stderr.splitlines() if "error" in line.lower() or "fatal" in line.lower()]
    return f"initdb failed in {cluster}: {(reasons or stderr.splitlines() or ['no output'])[0]}"


class Redis:
    """A Valkey server without persistence: queues hold only wake-ups. It keeps its port when it starts again."""

    stop_signal = signal.SIGTERM
    user = None

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "redis"
        self.password_file = data_dir / "redis-password"
        self.log = data_dir / "logs" / "redis.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return once it answers PING; raises LocalError with the reason."""
        try:
            for folder in (self.folder, self.log.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.port = free_port()
            self._write_conf()
        except OSError as error:
            raise explain_os_error(error, str(self.folder)) from error
        self.process = spawn(self.argv, log=self.log)
        deadline = time.monotonic() + 15
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"the embedded Redis did not start: {tail(self.log)} (log: {self.log})")
            time.sleep(0.02)

    @property
    def argv(self) -> Argv:
        return [redis_server(), self.folder / "redis.conf"]

    def _write_conf(self) -> None:
        """In a file: every account of the machine can read the arguments of a process."""
        conf = self.folder / "redis.conf"
        conf.unlink(missing_ok=True)
        conf.touch(mode=0o600)
        folder = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        conf.write_text(_REDIS.format(port=self.port, password=_secret(self.password_file), folder=folder))

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                client.sendall(f"AUTH {_secret(self.password_file)}\r\n".encode())
                return client.recv(5) == b"+OK\r\n"
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"redis://:{_secret(self.password_file)}@127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        if self.process:
            stop(self.process, self.stop_signal, 10)
