"""JSON-lines logging to stdout: {ts, svc, replica, level, msg, req_id, exc, ...}, and to the log collector if there is
one. The log file is capped at 5 MB. Traces are large: they go to a file of their own below APPLOG_DIR."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import stat
import sys
import time
import traceback
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from . import clock, shipping

MAX_BYTES = 5_000_000
TRACE = 5
SAY_AGAIN_S = 5.0
request_id: ContextVar[str] = ContextVar("request_id", default="")
_service = {"svc": "?", "replica": "?"}

logging.addLevelName(TRACE, "TRACE")


class JsonFormatter(logging.Formatter):
    """One JSON object a line; extra fields come from `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        at = record.created + clock.offset()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
        line: dict[str, Any] = {
            "ts": f"{stamp}.{int(at % 1 * 1000):03d}Z",
            **_service,
            "level": record.levelname,
            "msg": record.getMessage(),
        }
        if rid := request_id.get():
            line["req_id"] = rid
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["exc"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return json.dumps(line, default=str, ensure_ascii=False)


class CappedStdout(logging.StreamHandler[Any]):
    """Writes to stdout; when stdout is a file that grew past the cap, keeps one old copy and starts over."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self._lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self._lines += 1
        if self._lines % 500 == 0:
            cap_stdout()


def cap_stdout() -> None:
    """Copy-and-truncate, because the supervisor holds the file open for appending."""
    fd = sys.stdout.fileno()
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode) or info.st_size < MAX_BYTES:
        return
    try:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
    except OSError:
        pass
    os.ftruncate(fd, 0)


def setup(service: str, replica: str | None = None, level: str = "INFO") -> logging.Logger:
    """Route all logging of this process through the JSON formatter. Returns the service's logger."""
    _service.update({"svc": service, "replica": replica or os.environ.get("REPLICA", service)})
    handler = CappedStdout()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    if shipper := shipping.wanted(_service["replica"]):
        shipper.setFormatter(handler.formatter)
        root.addHandler(shipper)
        shipper.start()
    for one in root.handlers:
        one.setLevel(logging.DEBUG)
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "asyncio", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logger = logging.getLogger("shop")
    set_level(level)
    sys.excepthook = _log_and_die
    return logger


def set_level(level: str) -> None:
    """One of Python's, or TRACE."""
    logger, traces = logging.getLogger("shop"), level.upper() == "TRACE"
    logger.setLevel(TRACE if traces else level.upper())
    logger.handlers[:] = (
        [TraceFile(Path(folder))] if traces and (folder := os.environ.get("APPLOG_DIR")) else []
    )


class TraceFile(logging.Handler):
    """Records below debug level, into SERVICE-trace.log: opened for each, so that it may be emptied or moved away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(TRACE)
        self.path = folder / f"{_service['svc']}-trace.log"
        self.setFormatter(JsonFormatter())
        self._say_at = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno < logging.DEBUG

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{self.format(record)}\n".encode()
        try:
            with self.path.open("ab", buffering=0) as file:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError as error:
            if time.monotonic() > self._say_at:
                self._say_at = time.monotonic() + SAY_AGAIN_S
                logging.getLogger("shop").error("trace not written: %s", error)


def _log_and_die(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    last = traceback.format_exception_only(kind, error)[-1].strip()
    logging.getLogger("shop").critical("fatal: %s", last, exc_info=(kind, error, trace))
