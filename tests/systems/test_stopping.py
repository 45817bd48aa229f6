"""A signal that comes in the middle of the wait for it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

WAITS = """
import signal, threading, time
from systems.stopping import stop_on
stop, came = threading.Event(), []
stop_on((signal.SIGTERM,), stop)
handle = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *given: (handle(*given), came.append(given)))
with stop._cond:  # as the main thread has it for a moment in each wait
    print("ready", flush=True)
    while not came:
        time.sleep(0.01)
assert stop.wait(10), "it was never set"
"""


def test_a_signal_in_the_middle_of_a_wait_ends_it() -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", WAITS], cwd=root, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
