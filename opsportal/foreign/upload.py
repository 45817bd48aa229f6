"""Files that somebody brings: into a folder that is gone with the answer, and diagnosed there by another process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

MOST_S = 150.0
AT_ONCE = 2
_NAME = re.compile(r"[^\w.@+-]+")
_running = threading.BoundedSemaphore(AT_ONCE)
# What the reader needs of this process's environment: neither addresses nor secrets of the portal.
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV", "PYTHONPATH")


class Refused(ValueError):
    """It could not be read; the message says what to do."""


def diagnose(files: Sequence[UploadedFile[Any]]) -> dict[str, Any]:
    """`agent.foreign.result.Result.whole()` of what was uploaded."""
    if not files:
        raise Refused("no file was chosen")
    if not _running.acquire(blocking=False):
        raise Refused("other bundles are being read: try again in a minute")
    try:
        with TemporaryDirectory(prefix="bundle-") as place:
            folder, out = Path(place) / "bundle", Path(place) / "result.json"
            folder.mkdir()
            for number, file in enumerate(files):
                _keep(file, folder, number)
            return _read(folder, out)
    finally:
        _running.release()


def _keep(file: UploadedFile[Any], folder: Path, number: int) -> None:
    """Under its own name, without what could make a path of it: the name says that a file is not to be read."""
    name = _NAME.sub("_", (file.name or "file").rsplit("/", 1)[-1])[-100:].lstrip(".") or "file"
    path = folder / name
    if path.exists():
        path = folder / f"{path.stem}-{number}{path.suffix}"
    with path.open("wb") as out:
        for chunk in file.chunks():
            out.write(chunk)


def _read(folder: Path, out: Path) -> dict[str, Any]:
    env = {name: os.environ[name] for name in _PASSED if name in os.environ}
    argv = [sys.executable, "-m", "opsportal.foreign.reader", str(folder), str(out)]
    try:
        done = subprocess.run(argv, cwd=settings.BASE_DIR, env=env, timeout=MOST_S, capture_output=True)
    except subprocess.TimeoutExpired:
        raise Refused(
            f"it was not read within {MOST_S:.0f} seconds: give less of it, or use ./ops diagnose"
        ) from None
    if done.returncode != 0 or not out.exists():
        raise Refused(
            "it takes more time or memory than one bundle may have: give less of it, or use ./ops diagnose"
        )
    found: dict[str, Any] = json.loads(out.read_text())
    if "error" in found:
        raise Refused(str(found["error"]))
    return found
