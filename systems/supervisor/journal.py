"""The supervisor's own log: one JSON object a line. It records operations, never who asked for them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def json_line(svc: str, level: str, msg: str, **extra: Any) -> bytes:
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {"ts": stamp, "svc": svc, "level": level, "msg": msg} | extra
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def open_append(path: Path) -> int:
    """A close-on-exec descriptor appending to `path`; folders are made. OSError when that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


class Journal:
    """Append-only; a full disk must never stop the supervisor, so write errors are swallowed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, level: str, msg: str, **extra: Any) -> None:
        self._append(self.path, json_line("supervisor", level, msg, **extra))

    def write_for_service(self, path: Path | None, service: str, msg: str) -> None:
        """A line in the service's own log (why it could not be started)."""
        if path is not None:
            self._append(path, json_line(service, "error", msg))

    @staticmethod
    def _append(path: Path, line: bytes) -> None:
        try:
            fd = open_append(path)
        except OSError:
            return
        try:
            os.write(fd, line)
        except OSError:
            pass
        finally:
            os.close(fd)
