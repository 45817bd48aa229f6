"""Ends every fault at its deadline, with the portal alive or dead: `python -m chaos.keeper JOURNAL_DIR`.

Imports no Django and needs no database; the files of the journal are all it knows. It also ends what somebody who
cannot do it himself has made due. OPSPORTAL_ALIVE_FILE, where it is set, is touched at each look: a health check.

Beside a launcher it outlives it. `--launcher FD` is a pipe that ends when the launcher does, by whatever means: then
every open fault is taken back while the sandbox still runs (for `--within` seconds at most), and the keeper ends. What
hangs on its life, such as the sandbox's supervisors, ends with it; `--afterwards` is a command (a JSON list) that it
becomes at its end.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from chaos import injector
from chaos.faults.base import NotUndone
from chaos.journal import Journal
from systems.stopping import stop_on

LOOK_S = 0.5
RETRY_S = 5.0
LAST_RETRY_S = 1.0  # at its end it has no time to lose
LAST_ACTS_S = 24.0
log = logging.getLogger("keeper")


def overdue(journal: Journal, now: float) -> list[str]:
    return [e.id for e in journal.live() if e.deadline <= now]


class Reverts:
    """One revert of an entry at a time, each in a thread of its own: one that hangs holds up no other. One that fails
    is tried again: the system it mends may be restarting."""

    def __init__(self, journal: Journal, retry_s: float) -> None:
        self._journal, self._retry_s = journal, retry_s
        self._busy: set[str] = set()
        self._not_before: dict[str, float] = {}
        self.ended = threading.Condition()

    def begin(self, entry_ids: list[str], by: str) -> None:
        """`by`: in whose name, where nobody has asked."""
        for entry_id in entry_ids:
            with self.ended:
                if entry_id in self._busy or self._not_before.get(entry_id, 0.0) > time.monotonic():
                    continue
                self._busy.add(entry_id)
            threading.Thread(target=self._revert, args=(entry_id, by), daemon=True).start()

    def _revert(self, entry_id: str, by: str) -> None:
        try:
            injector.revert(self._journal, entry_id, self._journal.read(entry_id).asked_by or by)
            log.info("reverted %s", entry_id)
        except NotUndone as error:
            log.warning("left of %s, trying again: %s", entry_id, error)
        except Exception:
            log.exception("could not revert %s; trying again", entry_id)
        with self.ended:
            self._busy.discard(entry_id)
            self._not_before[entry_id] = time.monotonic() + self._retry_s
            self.ended.notify_all()


def keep(journal: Journal, stop: threading.Event) -> None:
    """Look until told to stop."""
    reverts = Reverts(journal, RETRY_S)
    alive = os.environ.get("OPSPORTAL_ALIVE_FILE")
    while not stop.is_set():
        reverts.begin(overdue(journal, time.time()), "deadline")
        if alive:
            Path(alive).touch()
        stop.wait(LOOK_S)


def end_all(journal: Journal, by: str, within_s: float) -> list[str]:
    """Take back everything that is open, due or not. Ids of what is left when the time is up."""
    reverts = Reverts(journal, LAST_RETRY_S)
    until = time.monotonic() + within_s
    while (left := [e.id for e in journal.live()]) and time.monotonic() < until:
        reverts.begin(left, by)
        with reverts.ended:
            reverts.ended.wait(LAST_RETRY_S / 4)
    return left


def _await_end(launcher: int, stop: threading.Event) -> None:
    """Blocks until the launcher's end of the pipe is closed: nobody writes to it."""
    while os.read(launcher, 64):
        pass
    log.info("the launcher has ended")
    stop.set()


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="chaos.keeper")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--launcher", type=int, metavar="FD")
    parser.add_argument("--within", type=float, metavar="SECONDS", default=LAST_ACTS_S)
    parser.add_argument("--afterwards", type=json.loads, metavar="JSON", default=[])
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stop = threading.Event()
    stop_on((signal.SIGTERM, signal.SIGINT), stop)
    if options.launcher is not None:
        threading.Thread(target=_await_end, args=(options.launcher, stop), daemon=True).start()
    elif sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    journal = Journal(options.folder)
    keep(journal, stop)
    if options.launcher is None:
        return
    if left := end_all(journal, "the portal's end", options.within):
        log.error("left for the next start: %s", ", ".join(left))
    if options.afterwards:
        os.execvp(options.afterwards[0], options.afterwards)
    os._exit(0)  # a revert that hangs is left behind


if __name__ == "__main__":
    main(sys.argv[1:])
