"""`./ops up`: the whole portal as a family of child processes, until Ctrl-C."""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from opsportal.local import leftovers, ready, renamed, sandboxes, stores, webserver
from opsportal.local.attach import ROOT
from opsportal.local.child import Argv
from opsportal.local.datadir import DataDir
from opsportal.local.errors import LocalError, explain_os_error
from opsportal.local.family import Child, Family
from opsportal.local.sandboxes import Sandbox
from opsportal.local.setupstage import run_setup
from systems import yamlsafe

HOST = "127.0.0.1"
KEEPER_S = 30.0  # in which it takes back what is open, before the sandbox ends
DB_POOL = {"web": 12, "worker": 16, "watch": 10}


class StopRequested(BaseException):
    """A signal asked the launcher to end."""


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops up", description="Start the portal, its databases and the sandbox."
    )
    parser.add_argument("--port", type=int, default=8000, help="web port on 127.0.0.1 (default 8000)")
    parser.add_argument(
        "--web",
        type=int,
        choices=range(1, webserver.MOST + 1),
        default=webserver.count(),
        help=f"processes of the web server (default half the cores, here {webserver.count()})",
    )
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
    parser.add_argument(
        "--no-sandbox", action="store_true", help="without the mini production: only what you register"
    )
    return parser.parse_args(argv)


class Launcher:
    """Starts the parts stage by stage, then keeps them alive."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.started = time.monotonic()
        self.port: int = options.port
        self.web: int = options.web
        self.listener: socket.socket | None = None
        self.data = DataDir(options.data)
        self.logs = self.data.path / "logs"
        kind = sandboxes.KINDS[options.runtime]
        self.sandbox: Sandbox | None = None if options.no_sandbox else kind(self.data.path, self.logs)
        self.url = f"http://{HOST}:{self.port}/"
        self.env: dict[str, str] = {}
        self.family = Family(self.say, self.write_run_file)
        self.password: str | None = None
        self.ready = False
        # Two pipes that nobody writes to. The keeper reads `alive`, whose other end only we hold: it ends with us. The
        # sandbox's supervisors read `leash`, whose other end the keeper holds too: it ends with both of us.
        self.alive, self.leash = os.pipe(), os.pipe()

    def say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # whoever read it has gone: no reason to end
            print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def run(self) -> None:
        """All stages, then wait for ever; always stops what was started."""
        try:
            self.listener = webserver.listen(HOST, self.port)
            self.data.open(self.say)
            self._drop_renamed()
            journal = leftovers.journal_of(self.data.path)
            leftovers.put_back(journal, self.say)
            if self.sandbox:
                self.sandbox.begin()
            self._start_stores()
            self._start_sandbox()
            if self.sandbox:
                leftovers.await_rest(journal, self.say, self.family.wait)
            run_setup(self.logs / "setup.log", self.env, self._systems(), self._relay)
            self._start_portal()
            ready.await_portal(self.url, self.say, self.family.wait)
            self.family.settled = True
            self._announce()
            while True:
                self.family.wait(60)
        finally:
            self._stop_all()

    def _drop_renamed(self) -> None:
        """What a game day in renamed mode left that was killed."""
        try:
            renamed.remove(self.data.path)
        except LocalError as error:
            self.say(f"it stays: {error}")

    # --- stages

    def _start_stores(self) -> None:
        database_url, postgres = stores.open_postgres(self.data.path)
        if postgres:
            self.family.add(stores.as_child(postgres, stop_rank=4))
        self.say("Postgres is ready" + ("" if postgres else " (DATABASE_URL)"))
        redis_url, redis = stores.open_redis(self.data.path)
        self.say("Redis is ready" + ("" if redis else " (REDIS_URL)"))
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
        if redis:
            self.family.add(stores.as_child(redis, stop_rank=4))
        self.write_run_file()

    def _start_sandbox(self) -> None:
        """With the keeper, who outlives us. A sandbox that cannot be prepared stops no portal."""
        ending: tuple[list[str], dict[str, str]] = ([], {})
        try:
            if self.sandbox:
                self.sandbox.start(self._add, self.say)
                ending = self.sandbox.ending()
        except LocalError as error:
            self.say(f"GOING ON WITHOUT THE SANDBOX: {error}")
            self.sandbox = None
        keeper: list[str | Path] = [sys.executable, "-m", "chaos.keeper", self.data.path / "chaos-journal"]
        keeper += ["--launcher", str(self.alive[0]), "--afterwards", json.dumps(ending[0])]
        self._add(
            "keeper",
            keeper,
            stop_rank=2,
            grace_s=KEEPER_S,
            death_signal=None,
            keep_fds=(self.alive[0], self.leash[1]),
            more_env=ending[1],
        )

    def _systems(self) -> list[str | Path]:
        """Arguments of setup: the sandbox to register, or those that are not there this time."""
        gone = [renamed.FOLDER] if self.sandbox else [renamed.FOLDER, *sandboxes.FOLDERS]
        left_out = [part for name in gone for part in ("--leave-out", self.data.path / name)]
        return left_out + (["--manifest", self.sandbox.folder / "manifest.yaml"] if self.sandbox else [])

    def _relay(self, event: dict[str, Any]) -> None:
        if "stage" in event:
            self.say(f"{event['stage']} ({event['seconds']} s)")
        if "login" in event:
            self.password = event["login"]["password"]
            if self.password:  # said at once: it would be lost if the rest of the start failed
                self.say(f"made the account admin, password {self.password}")

    def _start_portal(self) -> None:
        python = sys.executable
        assert self.listener is not None  # `run` has it from the beginning
        for name in webserver.names(self.web):
            self._add(
                name,
                webserver.argv(self.listener),
                stop_rank=1,
                death_signal=signal.SIGKILL,
                keep_fds=(self.listener.fileno(),),
            )
        worker = [python, "-m", "celery", "-A", "opsportal.celery", "worker", "--pool", "threads"]
        worker += ["--concurrency", "6", "--loglevel", "INFO"]
        worker += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
        self._add("worker", worker, stop_rank=1, grace_s=4, death_signal=signal.SIGKILL)
        self._add(
            "watch", [python, "manage.py", "watch"], stop_rank=0, grace_s=3, death_signal=signal.SIGKILL
        )
        self.say("web server, worker and watcher are starting")

    def _add(
        self,
        name: str,
        argv: Argv,
        *,
        stop_rank: int,
        leashed: bool = False,
        more_env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """`leashed`: it does not end with us, but with the keeper and us."""
        if leashed:
            argv = [*argv, "--leash", str(self.leash[0])]
            options |= {"keep_fds": (self.leash[0],), "death_signal": None}
        env = {**self.env, **(more_env or {}), "OPSPORTAL_PROCESS": f"opsportal-{name}"}
        if pool := DB_POOL.get(name.partition("-")[0]):
            env["OPSPORTAL_DB_POOL"] = str(pool)
        log = self.logs / f"{name}.log"
        self.family.add(
            Child(name=name, argv=argv, env=env, log=log, cwd=ROOT, stop_rank=stop_rank, **options)
        )

    def _announce(self) -> None:
        manifest: dict[str, Any] = {}
        if self.sandbox:
            manifest = yamlsafe.load((self.sandbox.folder / "manifest.yaml").read_text())
            if ill := ready.await_system(self.url, manifest["system"], self.family.wait):
                self.say(f"the sandbox is not well yet, which the pages show: {ill}")
        self.ready = True
        self.write_run_file()
        self.say("everything is ready" if self.sandbox else "the portal is ready")
        lines = [f"\n  The portal     {self.url}"]
        if self.password:
            lines += [f"  Sign in        admin / {self.password}   (shown only this once)"]
        else:
            mend = "new one: ./ops manage changepassword admin"
            lines += [f"  Sign in        admin, with the password you have ({mend})"]
        if front_door := manifest.get("front_door"):
            lines += [f"  The sandbox    {front_door}   ({manifest.get('title', manifest['system'])})"]
        if not self.sandbox:
            lines += [
                "  Under care     what you register: ./ops manage register_system path/to/manifest.yaml"
            ]
        lines += [f"  Data and logs  {self.data.path}", "  Ctrl-C stops everything; the data stays.\n"]
        with contextlib.suppress(OSError):
            print("\n".join(lines), flush=True)

    def write_run_file(self) -> None:
        """What other commands need to talk to this copy. A disk that is full stops a start, and nothing that runs."""
        if not self.env:
            return
        state = {
            "port": self.port,
            "url": self.url,
            "database_url": self.env["DATABASE_URL"],
            "redis_url": self.env["REDIS_URL"],
            "ready": self.ready,
            "children": self.family.describe(),
            "given_up": self.family.given_up(),
        }
        try:
            self.data.write_run_file(state)
        except OSError as error:
            trouble = explain_os_error(error, str(self.data.path))
            if not self.family.settled:
                raise trouble from error
            self.say(f"the run file could not be written: {trouble}")

    def _stop_all(self) -> None:
        """Stop in order: those who act, then what they look after, then the stores."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        started = time.monotonic()
        self.family.stop()
        if self.listener:
            self.listener.close()
        if self.sandbox:
            self.sandbox.stop()
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
