"""Gives every test run its own Postgres and Redis, before pytest-django reads the settings.

Loaded with `-p`, because a conftest is read too late. DATABASE_URL and REDIS_URL of the environment win.
"""

import atexit
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_cleanup: list[Callable[[], None]] = []


def _boot() -> None:
    os.environ["OPSPORTAL_TESTING"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    if worker := os.environ.get(
        "PYTEST_XDIST_WORKER"
    ):  # the controller's servers, a Redis database of its own
        number = int(worker.removeprefix("gw")) + 1
        os.environ["REDIS_URL"] = re.sub(r"/\d+$", f"/{number}", os.environ["REDIS_URL"])
        return
    from opsportal.local.embedded import Postgres, Redis

    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="opsportal-test-"))
    folder.chmod(0o711)
    _cleanup.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    atexit.register(_shut_down)
    os.environ["OPSPORTAL_DATA"] = str(folder)
    if "DATABASE_URL" not in os.environ:
        postgres = Postgres(folder, fast=True)
        _cleanup.append(postgres.stop)
        postgres.start()
        os.environ["DATABASE_URL"] = postgres.url
    if "REDIS_URL" not in os.environ:
        redis = Redis(folder)
        _cleanup.append(redis.stop)
        redis.start()
        os.environ["REDIS_URL"] = redis.url
    os.environ["OPSPORTAL_TEST_BOOT_S"] = f"{time.monotonic() - started:.1f}"


def _shut_down() -> None:
    while _cleanup:
        _cleanup.pop()()


_boot()


def pytest_report_header() -> str:
    return f"embedded services ready in {os.environ.get('OPSPORTAL_TEST_BOOT_S', '?')} s"
