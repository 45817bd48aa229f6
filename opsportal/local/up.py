"""`./ops up`: the whole portal as a family of child processes, until Ctrl-C."""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from opsportal.local import sandboxes, stores
from opsportal.local.attach import ROOT
from opsportal.local.child import Argv, spawn, stop, tail
from opsportal.local.datadir import DataDir
from opsportal.local.embedded import Postgres, Redis
from opsportal.local.errors import LocalError, explain_os_error
from opsportal.local.family import Child, Family
from opsportal.local.ports import is_free
from opsportal.local.probe import health
from opsportal.local.sandboxes import Sandbox

HOST = "127.0.0.1"
READY_WITHIN_S = 180
DB_POOL = {"web": 12, "worker": 16, "watch": 10}


class StopRequested(BaseException):
    """A signal asked the launcher to end."""


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops up", description="Start the portal, its databases and the sandbox."
    )
    parser.add_argument("--port", type=int, default=8000, help="web port on 127.0.0.1 (default 8000)")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("OPSPORTAL_DATA") or ROOT / ".data"),
        help="folder for everything it keeps (default .data)",
    )
    parser.add_argument(
        "--runtime",
        choices=list(sandboxes.KINDS),
        default="process",
        help="what the sandbox is made of: processes (default), or containers (needs Docker with compose)",
    )
    return parser.parse_args(argv)


class Launcher:
    """Starts the parts stage by stage, then keeps them alive."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.started = time.monotonic()
        self.port: int = options.port
        self.data = DataDir(options.data)
        self.logs = self.data.path / "logs"
        self.sandbox: Sandbox = sandboxes.KINDS[options.runtime](self.data.path, self.logs)
        self.url = f"http://{HOST}:{self.port}/"
        self.env: dict[str, str] = {}
        self.postgres: Postgres | None = None
        self.redis: Redis | None = None
        self.family = Family(self.say, self.write_run_file)
        self.password: str | None = None

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def run(self) -> None:
        """All stages, then wait for ever; always stops what was started."""
        try:
            if not is_free(self.port, HOST):
                raise LocalError(
                    f"port {self.port} is taken: stop what uses it, or choose another with --port N"
                )
            self.data.open()
            self.sandbox.begin()
            self._start_stores()
            self.sandbox.start(self._add, self.say)
            self._setup()
            self._start_portal()
            self._wait_ready()
            self._announce()
            while True:
                self.family.wait(3600)
        finally:
            self._stop_all()

    # --- stages

    def _start_stores(self) -> None:
        database_url, self.postgres = stores.open_postgres(self.data.path)
        self.say("Postgres is ready" + ("" if self.postgres else " (DATABASE_URL)"))
        redis_url, self.redis = stores.open_redis(self.data.path)
        self.say("Redis is ready" + ("" if self.redis else " (REDIS_URL)"))
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "opsportal.settings",
            "PYTHONPATH": str(ROOT),
            "OPSPORTAL_DATA": str(self.data.path),
            "OPSPORTAL_URL": self.url,
            "OPSPORTAL_SESSION_COOKIE": f"opsportal_{self.port}",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        }
        self.write_run_file()

    def _setup(self) -> None:
        """Run `manage.py setup` and relay its progress."""
        log = self._fresh_log("setup")
        reader, writer = os.pipe()
        argv = [sys.executable, "manage.py", "setup", "--events", str(writer)]
        os.set_inheritable(writer, True)
        process = spawn(
            [*argv, "--manifest", self.sandbox.folder / "manifest.yaml"],
            log=log,
            env=self.env,
            cwd=ROOT,
            keep_fds=(writer,),
        )
        os.close(writer)
        try:
            with os.fdopen(reader) as events:
                for line in events:
                    self._relay(json.loads(line))
            if process.wait():
                raise LocalError(f"the database could not be set up: {tail(log)} (log: {log})")
        finally:
            stop(process, signal.SIGTERM, 3)

    def _fresh_log(self, name: str) -> Path:
        log = self.logs / f"{name}.log"
        log.unlink(missing_ok=True)
        return log

    def _relay(self, event: dict[str, Any]) -> None:
        if "stage" in event:
            self.say(f"{event['stage']} ({event['seconds']} s)")
        if "login" in event:
            self.password = event["login"]["password"]
            if self.password:  # said at once: it would be lost if the rest of the start failed
                self.say(f"made the account admin, password {self.password}")

    def _start_portal(self) -> None:
        python = sys.executable
        self._add("keeper", [python, "-m", "chaos.keeper", self.data.path / "chaos-journal"], stop_rank=2)
        web = [
            python,
            "-m",
            "uvicorn",
            "opsportal.asgi:application",
            "--host",
            HOST,
            "--port",
            str(self.port),
        ]
        web += ["--log-level", "warning", "--lifespan", "off", "--timeout-graceful-shutdown", "2"]
        self._add("web", web, stop_rank=1, death_signal=signal.SIGKILL)
        worker = [python, "-m", "celery", "-A", "opsportal.celery", "worker", "--pool", "threads"]
        worker += ["--concurrency", "6", "--loglevel", "INFO"]
        worker += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
        self._add("worker", worker, stop_rank=1, grace_s=4, death_signal=signal.SIGKILL)
        self._add(
            "watch", [python, "manage.py", "watch"], stop_rank=0, grace_s=3, death_signal=signal.SIGKILL
        )
        self.say("web server, worker and watcher are starting")

    def _add(self, name: str, argv: Argv, *, stop_rank: int, **options: Any) -> None:
        env = {**self.env, "OPSPORTAL_PROCESS": f"opsportal-{name}"}
        if pool := DB_POOL.get(name):
            env["OPSPORTAL_DB_POOL"] = str(pool)
        log = self.logs / f"{name}.log"
        self.family.add(
            Child(name=name, argv=argv, env=env, log=log, cwd=ROOT, stop_rank=stop_rank, **options)
        )

    def _wait_ready(self) -> None:
        """Until /healthz answers 200; says what it is waiting for when that changes."""
        deadline = time.monotonic() + READY_WITHIN_S
        said = ""
        while True:
            ready, missing = health(self.url)
            if ready:
                self.family.settled = True
                return
            if missing and missing != said and said:
                self.say(f"waiting for {missing}")
            said = missing or said
            if time.monotonic() > deadline:
                raise LocalError(
                    f"not ready after {READY_WITHIN_S} s: waiting for {missing} (logs: {self.logs})"
                )
            self.family.wait(0.2)

    def _announce(self) -> None:
        manifest = yaml.safe_load((self.sandbox.folder / "manifest.yaml").read_text())
        self.say("everything is ready")
        print(f"\n  The portal     {self.url}")
        if self.password:
            print(f"  Sign in        admin / {self.password}   (shown only this once)")
        else:
            print(
                "  Sign in        admin, with the password you have (new one: ./ops manage changepassword admin)"
            )
        if front_door := manifest.get("front_door"):
            print(f"  The sandbox    {front_door}   ({manifest.get('title', manifest['system'])})")
        print(f"  Data and logs  {self.data.path}\n  Ctrl-C stops everything; the data stays.\n", flush=True)

    def write_run_file(self) -> None:
        """What other commands need to talk to this copy."""
        state = {
            "port": self.port,
            "url": self.url,
            "database_url": self.env["DATABASE_URL"],
            "redis_url": self.env["REDIS_URL"],
            "children": self.family.describe() | self._stores_alive(),
        }
        try:
            self.data.write_run_file(state)
        except OSError as error:
            raise explain_os_error(error, str(self.data.path)) from error

    def _stores_alive(self) -> dict[str, Any]:
        import psutil

        servers = {"postgres": self.postgres, "redis": self.redis}
        return {
            name: {"pid": s.process.pid, "started_at": psutil.Process(s.process.pid).create_time()}
            for name, s in servers.items()
            if s and s.process and s.process.poll() is None
        }

    def _stop_all(self) -> None:
        """Stop in order: those who act, then what they look after, then the stores."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        started = time.monotonic()
        self.family.stop()
        self.sandbox.stop()
        for server in (self.redis, self.postgres):
            if server:
                server.stop()
        if self.env:
            self.data.forget_run()
            self.say(f"stopped everything in {time.monotonic() - started:.1f} s")


def _request_stop(number: int, _frame: FrameType | None) -> None:
    raise StopRequested(number)


def main(argv: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request_stop)
    try:
        Launcher(_options(argv)).run()
    except StopRequested:
        return 0
    except LocalError as error:
        print(f"ops: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"ops: {explain_os_error(error, str(error.filename or 'the data folder'))}", file=sys.stderr)
        return 1
    return 0
