"""Copies of the launcher for tests, on free ports and in folders of their own."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from opsportal.local.attach import ROOT

_NOT_OURS = ("DATABASE_URL", "REDIS_URL", "OPSPORTAL_TESTING", "OPSPORTAL_DATA", "OPSPORTAL_ADMIN_PASSWORD")


def clean_env(**extra: str) -> dict[str, str]:
    """The environment without what the test run put there."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_OURS} | extra


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that the account `nobody` may walk to, as Postgres must when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="opsportal-up-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "data"


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_up(data_dir: Path) -> Iterator[Start]:
    """start_up(*options, **env) starts `manage.py up`; whatever is left of it dies before its folder goes."""
    started: list[psutil.Process] = []

    def start(*options: object, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *map(str, options)],
            cwd=ROOT,
            env=clean_env(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(psutil.Process(process.pid))
        return process

    yield start
    for process in started:
        try:
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end at any moment
            process.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for left in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
