"""A whole portal in a scratch folder, known only from outside: commands, REST, pages, rows, processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from psycopg.rows import dict_row

from opsportal.local import attach
from opsportal.local.attach import ROOT
from opsportal.local.child import spawn, stop, tail
from opsportal.local.ports import free_port
from opsportal.local.probe import look
from opsportal.tokens import GRANTABLE

READY_WITHIN_S = 300.0
LOOK_S = 0.1
PASSWORD = "attack-me-if-you-can"  # noqa: S105 - of a scratch portal on the loopback


class Trouble(RuntimeError):
    """The portal cannot be attacked: it does not start, or a command of it fails. The message says which."""


class Scratch:
    """One copy. `children` and the stores' addresses come from its run file, as every command reads them."""

    def __init__(self, folder: Path, *, sandbox: bool = True, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        own = {"DATABASE_URL", "REDIS_URL", "OPSPORTAL_DATA", "DJANGO_SETTINGS_MODULE", "OPSPORTAL_TESTING"}
        self.env = {k: v for k, v in os.environ.items() if k not in own} | {
            "OPSPORTAL_ADMIN_PASSWORD": PASSWORD
        }
        self.env |= env or {}
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: list[psutil.Process] = []  # everything that ever ran here, to see that nothing stays
        self._tokens: dict[str, str] = {}

    # --- its life

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    def begin(self) -> None:
        """Start it without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = ["up", "--data", str(self.folder), "--port", str(self.port)]
        words += [] if self.sandbox else ["--no-sandbox"]
        argv = [sys.executable, str(ROOT / "manage.py"), *words]
        self.process = spawn(argv, log=self.log, env=self.env, cwd=ROOT)

    def start(self) -> float:
        """Start it and wait until /healthz says ready. Seconds it took; Trouble when it does not come up."""
        began = time.monotonic()
        self.begin()
        if not self.wait_ready(READY_WITHIN_S):
            raise Trouble(f"the portal does not start: {tail(self.log, 3)}")
        took = time.monotonic() - began
        if self.sandbox and not self.wait_whole(READY_WITHIN_S):
            raise Trouble(f"the sandbox is not well: {look(self.url).systems}")
        return took

    def wait_ready(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process is not None and self.process.poll() is not None:
                return False
            if attach.read(self.folder) is not None and look(self.url).ready:
                self.remember()
                return True
            time.sleep(LOOK_S)
        return False

    def wait_whole(self, seconds: float) -> bool:
        """Until every system under care was seen whole once."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            systems = look(self.url).systems
            if systems and all(system.get("whole_once") for system in systems.values()):
                return True
            time.sleep(LOOK_S)
        return False

    def stop(self) -> None:
        self.remember()
        if self.process is not None:
            stop(self.process, signal.SIGINT, 30)

    def remember(self) -> None:
        """Note all processes of this copy."""
        if self.process is None:
            return
        with contextlib.suppress(psutil.Error):
            known = {p.pid for p in self.seen}
            family = [
                psutil.Process(self.process.pid),
                *psutil.Process(self.process.pid).children(recursive=True),
            ]
            self.seen += [p for p in family if p.pid not in known]

    def left(self, seconds: float) -> list[str]:
        """Names of what of it still runs after that time."""
        _, alive = psutil.wait_procs(self.seen, timeout=seconds)
        return [_name(p) for p in alive if p.is_running() and _status(p) != psutil.STATUS_ZOMBIE]

    @property
    def run_file(self) -> dict[str, Any]:
        return attach.read(self.folder) or {}

    def pid(self, child: str) -> int | None:
        """Of one of its own processes or stores: web, worker, watch, keeper, postgres, redis; `launcher`: of `up`."""
        if child == "launcher":
            return self.process.pid if self.process else None
        found = self.run_file.get("children", {}).get(child)
        return int(found["pid"]) if found else None

    def kill(self, child: str) -> bool:
        """kill -9; whether it was there."""
        self.remember()
        pid = self.pid(child)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    # --- what people and programs do with it

    def manage(
        self, *words: str, timeout: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A command, as typed. Trouble when it fails and `check`."""
        argv = [sys.executable, str(ROOT / "manage.py"), *words, "--data", str(self.folder)]
        done = subprocess.run(argv, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise Trouble(f"{' '.join(words)}: {done.stderr.strip()[-400:]}")
        return done

    def person(self, name: str, *permissions: str) -> str:
        """Make a user with these rights and a token of the same; gives the token."""
        code = (
            "from django.contrib.auth import get_user_model as m; from opsportal import tokens; "
            f"u, _ = m().objects.get_or_create(username={name!r}); u.set_password({PASSWORD!r}); u.save(); "
            f"tokens.grant(u, {list(permissions)!r}); u = m().objects.get(pk=u.pk); "
            f"print(tokens.create(u, 'attack', {list(permissions)!r})[0])"
        )
        token = self.manage("shell", "-v0", "-c", code).stdout.strip().splitlines()[-1]
        self._tokens[name] = token
        return token

    def bearer(self, by: str = "admin") -> dict[str, str]:
        """The header of a REST call in the name of `by`; the admin's token is made at the first."""
        if by == "admin" and by not in self._tokens:
            words = [word for permission in GRANTABLE for word in ("--perm", permission)]
            self._tokens[by] = self.manage("create_token", "admin", *words).stdout.strip()
        return {"Authorization": f"Bearer {self._tokens[by]}"}

    def api(
        self, method: str, path: str, body: Any = None, *, by: str = "admin", timeout: float = 30.0
    ) -> httpx.Response:
        """A REST call with the token of `by`."""
        headers = self.bearer(by)
        return httpx.request(method, self.url + path.lstrip("/"), json=body, headers=headers, timeout=timeout)

    @contextlib.contextmanager
    def browser(self, user: str = "admin") -> Iterator[httpx.Client]:
        """A session signed in through the form, which may POST."""
        with httpx.Client(base_url=self.url, timeout=30, headers={"referer": self.url}) as client:
            self._sign_in(client, user)
            yield client

    def _sign_in(self, client: httpx.Client, user: str) -> None:
        client.get("login/")
        form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        if client.post("login/", data=form).status_code != httpx.codes.FOUND:
            raise Trouble(f"{user} cannot sign in")
        client.headers["x-csrftoken"] = client.cookies["csrftoken"]

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What its database says."""
        with psycopg.connect(
            self.run_file["database_url"], row_factory=dict_row, autocommit=True
        ) as connection:
            return list(connection.execute(query, values))

    def count(self, query: str, *values: Any) -> int:
        return int(next(iter(self.rows(query, *values)[0].values())))

    # --- the system under care

    @property
    def manifest(self) -> Path:
        return self.folder / "sandbox" / "manifest.yaml"

    def break_(self, fault: str, seconds: float = 120.0, *, force: bool = True) -> httpx.Response:
        return self.api("POST", f"break/{fault}", {"duration_s": seconds, "force": force})

    def open_incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("GET", "api/incidents?open=true").json()
        return found


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:80]}"
    except psutil.Error:
        return str(process.pid)


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return str(psutil.STATUS_ZOMBIE)
