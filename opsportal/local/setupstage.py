"""Runs `manage.py setup` and tells its progress as it comes."""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from opsportal.local.attach import ROOT
from opsportal.local.child import spawn, stop, tail
from opsportal.local.errors import LocalError


def run_setup(
    log: Path, env: Mapping[str, str], systems: Sequence[str | Path], tell: Callable[[dict[str, Any]], None]
) -> None:
    """`systems`: its arguments about what is under care. LocalError with its last words when it fails."""
    log.unlink(missing_ok=True)
    reader, writer = os.pipe()
    argv = [sys.executable, "manage.py", "setup", "--events", str(writer), *systems]
    process = spawn(argv, log=log, env=env, cwd=ROOT, keep_fds=(writer,))
    os.close(writer)
    try:
        with os.fdopen(reader) as events:
            for line in events:
                tell(json.loads(line))
        if process.wait():
            raise LocalError(f"the database could not be set up: {tail(log)} (log: {log})")
    finally:
        stop(process, signal.SIGTERM, 3)
