"""The time of the machine that this process stands for: several of them share one here, and each has its own clock.

CLOCK_FILE names the file that says how far that clock is off, in seconds; without one it is this machine's own.
"""

from __future__ import annotations

import os
import threading
import time
from email.utils import formatdate
from pathlib import Path

READ_EVERY_S = 0.5
_path = os.environ.get("CLOCK_FILE")
_lock = threading.Lock()
_known = (0.0, 0.0)  # when to look next, on a steady clock; seconds


def now() -> float:
    """Epoch seconds by that clock."""
    return time.time() + offset()


def date() -> str:
    """As HTTP says it."""
    return formatdate(now(), usegmt=True)


def offset() -> float:
    """How many seconds it is ahead; looked up twice a second."""
    global _known
    if _path is None:
        return 0.0
    next_look, seconds = _known
    if time.monotonic() >= next_look:
        with _lock:
            seconds = read(Path(_path))
            _known = (time.monotonic() + READ_EVERY_S, seconds)
    return seconds


def read(path: Path) -> float:
    """0 where nothing is said, or nothing that can be understood."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0
