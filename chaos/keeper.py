"""Ends every fault at its deadline, with the portal alive or dead: `python -m chaos.keeper JOURNAL_DIR`.

Imports no Django and needs no database; the files of the journal are all it knows. It also ends what somebody who
cannot do it himself has made due. OPSPORTAL_ALIVE_FILE, where it is set, is touched at each look: a health check.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from chaos import injector
from chaos.journal import Journal

LOOK_S = 0.5
RETRY_S = 5.0
log = logging.getLogger("keeper")


def overdue(journal: Journal, now: float) -> list[str]:
    return [e.id for e in journal.live() if e.deadline <= now]


def keep(journal: Journal, stop: threading.Event) -> None:
    """Look until told to stop. A revert that fails is tried again: the system it mends may be restarting."""
    not_before: dict[str, float] = {}
    alive = os.environ.get("OPSPORTAL_ALIVE_FILE")
    while not stop.is_set():
        now = time.time()
        for entry_id in overdue(journal, now):
            if not_before.get(entry_id, 0.0) > now:
                continue
            try:
                injector.revert(journal, entry_id, journal.read(entry_id).asked_by or "deadline")
            except Exception:
                log.exception("could not revert %s; trying again", entry_id)
                not_before[entry_id] = now + RETRY_S
        if alive:
            Path(alive).touch()
        stop.wait(LOOK_S)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="chaos.keeper")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(argv).folder
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep(Journal(folder), stop)


if __name__ == "__main__":
    main(sys.argv[1:])
