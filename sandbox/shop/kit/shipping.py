"""Hands every log record on to the shop's log collector, and never makes a service wait for it.

While the collector cannot be reached, records are kept in a small file (the spool) and sent when it answers again.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("shop")
PATH = "/lines"
PERIOD_S, RETRY_S, SAY_AGAIN_S, TIMEOUT_S = 1.0, 2.0, 30.0, 1.0
QUEUED = 5_000  # records that wait in memory; more are dropped
SPOOL_MAX = 1_000_000  # bytes; more are dropped
_here: list[Shipper] = []


class Spool:
    """What could not be sent. A file that cannot be written is as good as none: nothing is raised."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def add(self, lines: bytes) -> None:
        if self.size + len(lines) > SPOOL_MAX:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(lines)

    def read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:
            return b""

    def clear(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


class Shipper(logging.Handler):
    """`sink`: host:port of the collector. `sender`: who sends, a replica's name. Its thread ends with the process."""

    def __init__(self, sink: str, spool: Path, sender: str) -> None:
        super().__init__()
        host, _, port = sink.rpartition(":")
        self.host, self.port, self.sender = host, int(port), sender
        self.spool = Spool(spool)
        self._waiting: queue.Queue[str] = queue.Queue(QUEUED)
        self._ended = threading.Event()
        self._down = False
        self._next_try = self._next_word = 0.0
        self._thread = threading.Thread(target=self._forever, name="log-shipping", daemon=True)

    def start(self) -> None:
        self._thread.start()
        _here[:] = [self]

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(self.format(record))

    def close(self) -> None:
        """What is left is sent, or spooled."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2 * TIMEOUT_S)
        super().close()

    def _forever(self) -> None:
        while not self._ended.wait(PERIOD_S):
            self.look()
        self.look()

    def look(self) -> None:
        """Send what waits, what is in the spool first; into the spool with it where that does not work."""
        lines = self._taken()
        if self._down and time.monotonic() < self._next_try:
            self.spool.add(lines)
            return
        try:
            if kept := self.spool.read():
                self._send(kept)
                self.spool.clear()
            if lines:
                self._send(lines)
        except (OSError, http.client.HTTPException) as error:
            self.spool.add(lines)
            self._unreachable(getattr(error, "errno", None) or errno.ETIMEDOUT)
            return
        if self._down:
            self._down = False
            log.info("log sink answers again, %d bytes of the spool are sent", len(kept))

    def _taken(self) -> bytes:
        lines = []
        with contextlib.suppress(queue.Empty):
            while True:
                lines.append(self._waiting.get_nowait())
        return "".join(f"{line}\n" for line in lines).encode()

    def _send(self, lines: bytes) -> None:
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)) as sink:
            sink.request("POST", PATH, lines, {"X-Sender": self.sender})
            if (status := sink.getresponse().status) != 200:
                raise http.client.HTTPException(f"status {status}")

    def _unreachable(self, number: int) -> None:
        now = time.monotonic()
        self._next_try = now + RETRY_S
        if (not self._down or now > self._next_word) and not self._ended.is_set():
            self._next_word = now + SAY_AGAIN_S
            log.warning("log sink unreachable [Errno %d], spooling", number)
        self._down = True


def figures() -> Iterator[tuple[str, dict[str, str], float]]:
    """How much of this process's records waits in the spool; nothing where none are handed on."""
    for shipper in _here:
        yield "log_spool_bytes", {}, shipper.spool.size


def wanted(sender: str) -> Shipper | None:
    """By LOG_SINK and SPOOL_DIR of the environment; None where no collector is named."""
    sink, folder = os.environ.get("LOG_SINK"), os.environ.get("SPOOL_DIR")
    return Shipper(sink, Path(folder) / f"{sender}.jsonl", sender) if sink and folder else None
