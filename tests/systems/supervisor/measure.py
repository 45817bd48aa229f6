"""Figures, not a test: `python -m tests.systems.supervisor.measure [ROUNDS]`.

kill -9 of a FastAPI service -> the exit event at a subscriber, the new process, the first answered request;
with and without a warm interpreter. And what one look at the units' statistics costs.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from systems.runtimes import connect

from .harness import SLEEPER, Running, free_port

APP = """
import os
from fastapi import FastAPI
import uvicorn
app = FastAPI()

@app.get("/")
def index() -> dict[str, int]:
    return {"pid": os.getpid()}

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
"""


def answered(url: str, not_pid: int) -> None:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1) as reply:
                if str(not_pid) not in reply.read().decode():
                    return
        except OSError:
            time.sleep(0.002)


def once(running: Running, name: str, url: str) -> tuple[float, float, float]:
    running.ask("restart", name)  # forgets earlier failures: the first retry comes at once
    pid = running.reach(name, "RUNNING")["pid"]
    answered(url, -1)
    events = running.events()
    at = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    events.until(event="exit", service=name)
    told = time.perf_counter() - at
    events.until(event="started", service=name)
    started = time.perf_counter() - at
    answered(url, pid)
    events.close()
    return told, started, time.perf_counter() - at


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "web.py").write_text(APP)
        services, urls = {}, {}
        for name, more in (("cold", {}), ("warm", {"warm": ["fastapi", "uvicorn"]})):
            port = free_port()
            urls[name] = f"http://127.0.0.1:{port}/"
            services[name] = {
                "command": ["{python}", "-m", "web"], "env": {"PORT": str(port)}, "ready": {"tcp": port},
            } | more  # fmt: skip
        services |= {f"idle-{n}": {"command": SLEEPER} for n in range(13)}
        running = Running(base, services)
        try:
            for name, url in urls.items():
                rows = [once(running, name, url) for _ in range(rounds)]
                told, started, up = (statistics.median(column) * 1000 for column in zip(*rows, strict=True))
                worst = max(row[2] for row in rows) * 1000
                print(f"{name}: exit event {told:.1f} ms, new process {started:.1f} ms, "
                      f"answers {up:.0f} ms (worst {worst:.0f}), {rounds} rounds")  # fmt: skip
            runtime = connect("process", {"socket": "run/supervisor.sock"}, base)
            spent = []
            for _ in range(rounds):
                time.sleep(0.5)
                at, cpu = time.perf_counter(), time.process_time()
                for unit in runtime.list():
                    runtime.stats(unit.unit)
                spent.append((time.perf_counter() - at, time.process_time() - cpu))
            wall, cpu = (statistics.median(column) * 1000 for column in zip(*spent, strict=True))
            print(f"list() + stats() of {len(services)} units: {wall:.1f} ms, {cpu:.1f} ms of CPU")
        finally:
            running.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
