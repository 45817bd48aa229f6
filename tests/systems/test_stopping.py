"""A signal that comes in the middle of the wait for it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

WAITS = """
import signal, threading
from systems.stopping import stop_on
stop = threading.Event()
stop_on((signal.SIGTERM,), stop)
with stop._cond:  # as the main thread has it for a moment in each wait
    print("ready", flush=True)
    signal.pause()
assert stop.wait(10), "it was never set"
"""


def test_a_signal_in_the_middle_of_a_wait_ends_it() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", WAITS], cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
