"""An event that signals set.

A handler runs in the middle of whatever the main thread is at. Where that is the event's own `wait`, it may hold the
lock that `set` needs, and a handler that calls it would wait for itself for ever. So a thread of its own sets it, told
by a pipe.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress


def stop_on(numbers: Iterable[int], stop: threading.Event) -> None:
    """From now on these signals set `stop`, soon after they come. For the main thread."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    threading.Thread(target=_await, args=(told, stop), daemon=True).start()

    def handle(*_: object) -> None:
        with suppress(OSError):
            os.write(tell, b".")

    for number in numbers:
        signal.signal(number, handle)


def _await(told: int, stop: threading.Event) -> None:
    os.read(told, 1)
    stop.set()
