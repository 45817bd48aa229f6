"""`./ops bench page`: a scratch portal with a long history, many open pages on it, and how long each of them waits.

The web server is a real one with its own stores in a folder that goes away; the portal that runs, if one does, is left
alone. A wait is counted from when a tick or an event was made until a page has it whole.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from opsportal.bench.crowdseed import MARK, SLUG
from opsportal.bench.figures import Row, Series
from opsportal.local import webserver
from opsportal.local.attach import ROOT
from opsportal.local.child import spawn, stop
from opsportal.local.embedded import Postgres, Redis

HOST = "127.0.0.1"
SECONDS = 30.0  # of looking
SETTLE_S = 4.0  # after all are there; not counted
READY_S = 60.0
PAGES = ("", "incidents/", "incidents/?service=api-3", "incidents/?q=slow", "incidents/{busy}/", "approvals/", "audit/",
         "audit/?q=started", "runbooks/", "gameday/", "settings/", "api/docs")  # fmt: skip
SEEN = {
    "board": re.compile(r'Looked at <time datetime="([^"]+)"'),
    "incident": re.compile(MARK + r"(\d+\.\d+)"),
}
MODULE = "opsportal.bench.crowdseed"


@dataclass
class Crowd:
    """Of whom: `dashboards` and `people` on one incident. `incidents`: of the history. `web`: processes."""

    dashboards: int = 200
    people: int = 50
    incidents: int = 5000
    web: int = field(default_factory=webserver.count)
    seconds: float = SECONDS


class NotMeasured(Exception):
    """The scratch portal did not come up; says why."""


def measure(crowd: Crowd, say: Callable[[str], None]) -> list[Row]:
    with _portal(crowd, say) as (url, told):
        say(
            f"{crowd.dashboards} dashboards and {crowd.people} people on one incident, {crowd.seconds:.0f} s ..."
        )
        waits, sent = asyncio.run(_look(crowd, url, told))
    rows = [
        _row(f"a tick until {crowd.dashboards} dashboards have it", waits["board"], "p99 300 ms"),
        _row(
            f"an event until {crowd.people} people on its incident have it", waits["incident"], "p99 300 ms"
        ),
        _row("/healthz meanwhile", waits["healthz"], "p99 100 ms"),
    ]
    rows += [_row(f"/{name}", waits[name], "median 120 ms") for name in PAGES]
    setting = f"{crowd.incidents} incidents, {crowd.web} web process{'' if crowd.web == 1 else 'es'}"
    rows[0].note = f"{setting}; {sent / 1e6 / crowd.seconds:.2f} MB/s to all pages together"
    return rows


def _row(name: str, series: Series, goal: str) -> Row:
    return Row(name, series.words(0.5, 0.95, 0.99), f"goal: {goal}", "", series.as_json())


@contextmanager
def _portal(crowd: Crowd, say: Callable[[str], None]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(address, what the seeding told). Everything is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsportal-crowd-")))
        folder.chmod(0o711)
        postgres, redis = Postgres(folder, fast=True), Redis(folder)
        for server in (postgres, redis):
            stack.callback(server.stop)
            server.start()
        listener = stack.enter_context(webserver.listen(HOST, 0))
        url = f"http://{HOST}:{listener.getsockname()[1]}/"
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "opsportal.settings"}
        env |= {"OPSPORTAL_DATA": str(folder), "OPSPORTAL_URL": url}
        env |= {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "OPSPORTAL_SECRET_KEY": os.urandom(24).hex(),
        }
        say(f"making {crowd.incidents} incidents in a scratch database ...")
        _run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env)
        told = json.loads(
            _run([sys.executable, "-m", MODULE, "seed", str(folder), str(crowd.incidents)], env)
        )
        started = [webserver.argv(listener)] * crowd.web + [
            [sys.executable, "-m", MODULE, "tick", str(folder)]
        ]
        for number, argv in enumerate(started):
            log = folder / f"{number}.log"
            fds = (listener.fileno(),) if "--fd" in argv else ()
            more = {"OPSPORTAL_DB_POOL": "12", "OPSPORTAL_PROCESS": f"crowd-{number}"}
            child = spawn(argv, env=env | more, log=log, cwd=ROOT, keep_fds=fds, death_signal=signal.SIGKILL)
            stack.callback(stop, child, signal.SIGTERM, 5.0)
        _await(url, folder)
        yield url, told


def _run(argv: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasured(f"{' '.join(argv[1:4])}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def _await(url: str, folder: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}healthz", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    logs = " | ".join(path.read_text()[-300:] for path in sorted(folder.glob("[0-9]*.log")))
    raise NotMeasured(f"the scratch portal was not ready in {READY_S:.0f} s: {logs}")


# -- the crowd -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _unpacked(frame: bytes) -> str:
    """All get the same bytes: the crowd, which shares the cores with what it measures, unpacks them once."""
    return gzip.decompress(frame).decode()


class _Visits:
    def __init__(self, crowd: Crowd, url: str, told: dict[str, Any]) -> None:
        self.crowd, self.url, self.told = crowd, url, told
        self.waits = {name: Series("ms") for name in ("board", "incident", "healthz", *PAGES)}
        self.counting, self.sent = False, 0

    def note(self, name: str, seconds: float) -> None:
        if self.counting:
            self.waits[name].samples.append(seconds * 1000)

    async def watch(self, kind: str, show: str) -> None:
        """One open page: what it is sent, and how old that is by then."""
        from websockets.asyncio.client import connect
        from websockets.typing import Origin

        address = f"{self.url.replace('http', 'ws', 1)}ws/live/?topics=approvals&shows=nav,{show}"
        headers, origin = {"Cookie": self.told["cookie"]}, Origin(self.url.rstrip("/"))
        last = ""
        async with connect(
            address, additional_headers=headers, origin=origin, compression=None, max_size=None, open_timeout=60,
            proxy=None,
        ) as socket:  # fmt: skip
            async for frame in socket:
                if not isinstance(frame, bytes):
                    continue
                now = time.time()
                self.sent += len(frame) if self.counting else 0
                found = SEEN[kind].search(json.loads(_unpacked(frame)).get("rows", {}).get("html", "")
                                          if kind == "incident" else _plain(frame))  # fmt: skip
                if found and found[1] != last:
                    last = found[1]
                    self.note(kind, now - _epoch(last))

    async def healthz(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30) as http:
            while True:
                begun = time.monotonic()
                await http.get("healthz")
                self.note("healthz", time.monotonic() - begun)
                await asyncio.sleep(0.3)

    async def turn_pages(self) -> None:
        """One person who opens one page after the other."""
        headers = {"Cookie": self.told["cookie"], "Accept-Encoding": "gzip"}
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30, headers=headers) as http:
            while True:
                for name in PAGES:
                    begun = time.monotonic()
                    answer = await http.get(name.format(busy=self.told["busy"]))
                    if answer.status_code != 200:
                        raise NotMeasured(f"/{name} answers {answer.status_code}")
                    self.note(name, time.monotonic() - begun)
                    await asyncio.sleep(0.1)


def _plain(frame: bytes) -> str:
    return _unpacked(frame).replace('\\"', '"')


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if "T" in text else float(text)


async def _look(crowd: Crowd, url: str, told: dict[str, Any]) -> tuple[dict[str, Series], int]:
    visits = _Visits(crowd, url, told)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(visits.healthz())]
        for number in range(crowd.dashboards + crowd.people):
            kind = "board" if number < crowd.dashboards else "incident"
            show = f"board:{SLUG}" if kind == "board" else f"incident:{told['busy']}"
            tasks.append(group.create_task(visits.watch(kind, show)))
            await asyncio.sleep(0.02)
        tasks.append(group.create_task(visits.turn_pages()))
        await asyncio.sleep(SETTLE_S)
        visits.counting = True
        await asyncio.sleep(crowd.seconds)
        visits.counting = False
        for task in tasks:
            task.cancel()
    return visits.waits, visits.sent
