"""The data folder: one `up` at a time, the secret key, and the run file other commands read.

No other account of the machine reads what is in it: a folder made here is the owner's, and so is each folder below,
also in one that was there before. As root, the servers' accounts may pass through, and see no names.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import psutil

from opsportal.local.attach import run_file
from opsportal.local.errors import LocalError, explain_os_error

_LEAST_FREE_MB = 300
LEFTOVERS_S = 45.0
_FOLDERS = ("run", "logs", "chaos-journal")
_SANDBOXES = ("sandbox", "sandbox-docker")  # their own Postgres passes through them as another account


class DataDir:
    """OPSPORTAL_DATA, held by one launcher from `open()` until the process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    def open(self, say: Callable[[str], None] = print) -> None:
        """Create the folders and take the lock; raises LocalError in one plain line."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
            for name, mode in [*((n, 0o700) for n in _FOLDERS), *((n, 0o711) for n in _SANDBOXES)]:
                _private(self.path / name, mode)
            free_mb = shutil.disk_usage(self.path).free // 2**20
            if free_mb < _LEAST_FREE_MB:
                raise LocalError(
                    f"the disk that holds {self.path} is full ({free_mb} MB free, {_LEAST_FREE_MB} MB needed): "
                    "free some space or choose another folder with --data DIR"
                )
            self._lock = (self.path / "run" / "up.lock").open("a")
            self._ensure_secret_key()
        except OSError as error:
            raise explain_os_error(error, str(self.path)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError(
                f"another copy is running in {self.path}: stop it, or choose another folder with --data DIR"
            ) from error
        self._end_leftovers(say)

    def _ensure_secret_key(self) -> None:
        key = self.path / "secret_key"
        if not key.exists():
            draft = self.path / "run" / "secret_key.new"
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            draft.replace(key)

    def _end_leftovers(self, say: Callable[[str], None]) -> None:
        """Children of an earlier launcher that was killed end by themselves, the keeper after it has taken back what is
        open; give them time, then insist."""
        try:
            known = json.loads(run_file(self.path).read_text())["children"]
        except (OSError, ValueError, KeyError):
            return
        alive: list[psutil.Process] = []
        for entry in known.values():
            try:
                process = psutil.Process(int(entry["pid"]))
                if abs(process.create_time() - float(entry["started_at"])) < 1:
                    alive.append(process)
            except psutil.NoSuchProcess:
                continue
        if alive:
            say("an earlier run is still ending: waiting for it")
        _, stuck = psutil.wait_procs(alive, timeout=LEFTOVERS_S)
        for process in stuck:
            process.kill()
        run_file(self.path).unlink(missing_ok=True)

    def write_run_file(self, state: dict[str, Any]) -> None:
        """Replace run/up.json in one step; it holds passwords, so only the owner reads it."""
        target = run_file(self.path)
        draft = target.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"pid": os.getpid(), **state}, indent=1))
        draft.replace(target)

    def forget_run(self) -> None:
        run_file(self.path).unlink(missing_ok=True)


def _private(folder: Path, mode: int) -> None:
    folder.mkdir(exist_ok=True, mode=mode)
    if (now := folder.stat().st_mode & 0o777) & ~mode:
        folder.chmod(now & mode)
