"""A real sandbox for the contract of the faults, as the injector, an operator and the watcher see it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from chaos.registry import FAULTS
from chaos.site import Site
from incidents.signals import CATALOG
from systems import services
from systems.probes import journeys
from systems.runtimes.docker.driver import DockerRuntime
from systems.services import LoadedSystem
from systems.watcher import Watcher

IDS = [fault for fault in FAULTS if fault not in CATALOG]  # log_errors is also what a log may plainly have
TELLTALE = re.compile("|".join([r"chaos", r"\binject", r"(?<!segmentation )\bfault\b", *IDS]), re.IGNORECASE)
HEALTHY_WITHIN_S = 90.0


LOOK_S = 0.5  # the journeys use the front door: looking more often than this runs into its rate limit


def wait_until(what: Callable[[], bool], seconds: float, say: Callable[[], object]) -> None:
    """Look until it holds; AssertionError with `say()` when it does not in time."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, say()
        time.sleep(LOOK_S)


@dataclass
class Sandbox:
    """A running sandbox. `folder` holds its manifest."""

    folder: Path

    @property
    def site(self) -> Site:
        return Site.load(self.folder)

    @property
    def loaded(self) -> LoadedSystem:
        return services.from_manifest(self.folder / "manifest.yaml")

    def wrong(self) -> str:
        return "; ".join(journeys.failures(self.loaded))

    def wait_healthy(self) -> None:
        """Green journeys three times in a row."""
        green = 0

        def look() -> bool:
            nonlocal green
            green = 0 if self.wrong() else green + 1
            return green >= 3

        wait_until(look, HEALTHY_WITHIN_S, self.wrong)

    def fingerprint(self) -> dict[str, Any]:
        """What a fault may change and `prepare` must not: files, processes, passwords, edges."""
        files = [
            f for d in ("etc", "golden", "world/etc") for f in (self.folder / d).rglob("*") if f.is_file()
        ]
        with self.site.superuser() as db:
            roles = db.execute("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1").fetchall()
        return {
            "files": {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files},
            "releases": {str(p): str(p.readlink()) for p in (self.folder / "releases").glob("*/current")},
            "pids": {u: s["pid"] for u, s in self.site.hands.units().items()},
            "world": {u: s["pid"] for u, s in self.site.hands.units(world=True).items()},
            "roles": roles,
            "edge": self.site.edge("api-db")["path"],
        }

    def readable_by_agent(self) -> dict[str, str]:
        """Everything the portal can read of this system, by where it stands."""
        found = {str(f): f.read_text(errors="replace") for f in self._files()}
        found |= {f"name of {f}": f.name for f in self._files()}
        found["units"] = repr([self.loaded.runtime.list()])
        found |= self._processes() if self.site.facts["driver"] == "process" else self._containers()
        secrets = dict(
            line.split("=", 1)
            for line in (self.folder / "secrets.env").read_text().splitlines()
            if "=" in line
        )
        found |= _sessions(secrets["ADMIN_DSN"])
        found |= _cached(secrets["REDIS_URL"])
        found["readings"] = repr(asyncio.run(self._readings()))
        return found

    def _files(self) -> list[Path]:
        shown = ["manifest.yaml", "secrets.env"]
        folders = ("log", "etc", "golden", "run", "vol/exports", "snapshots")
        inside = [
            f for d in folders for f in (self.folder / d).rglob("*") if f.is_file() and f.stat().st_size < 1e7
        ]
        return [*(self.folder / name for name in shown), *inside]

    def _processes(self) -> dict[str, str]:
        found = {}
        for unit, state in self.site.hands.units().items():
            if state["pid"]:
                try:
                    parent = psutil.Process(state["pid"])
                    family = [parent, *parent.children(recursive=True)]
                except psutil.NoSuchProcess:  # it is crashing in a loop
                    continue
                for process in family:
                    try:
                        words = f"{process.name()} {process.cmdline()} {process.environ()} {process.cwd()}"
                    except psutil.Error:
                        continue
                    found[f"process {process.pid} of {unit}"] = words
        return found

    def _containers(self) -> dict[str, str]:
        """What the engine tells of the containers, and what they wrote."""
        runtime = self.loaded.runtime
        assert isinstance(runtime, DockerRuntime)
        found = {f"container {unit}": repr(raw) for unit, raw in runtime.inspections().items()}
        for unit in self.loaded.runtime.list():
            found[f"log of {unit.unit}"] = "\n".join(runtime.logs(unit.unit, 2000))
            found[f"processes of {unit.unit}"] = repr(runtime.stats(unit.unit))
        return found

    async def _readings(self) -> list[Any]:
        watcher = Watcher(lambda: [self.loaded], persist=False)
        try:
            ticks = await watcher.tick_once()
            return [(r.service, r.metric, r.text, r.label) for t in ticks for r in t.readings]
        finally:
            await watcher.close()


def _sessions(dsn: str) -> dict[str, str]:
    try:
        with psycopg.connect(dsn, connect_timeout=5) as db:
            rows = db.execute("SELECT usename, application_name, query FROM pg_stat_activity").fetchall()
    except psycopg.OperationalError as error:  # not now: a fault may hold all sessions
        return {"sessions": str(error)}
    return {"sessions": repr(rows)}


def _cached(url: str) -> dict[str, str]:
    try:
        with redis.Redis.from_url(url, decode_responses=True) as client:
            keys = sorted(client.scan_iter(count=1000))[:5000]
            return {"redis clients": repr(client.client_list()), "redis keys": repr(keys)}
    except redis.RedisError as error:  # not now: a fault may keep everybody out
        return {"redis": str(error)}


def leaks(sandbox: Sandbox) -> list[str]:
    """Where a word that gives the injector away can be read, and the word with what surrounds it."""
    found = []
    for where, text in sandbox.readable_by_agent().items():
        text = text.replace(str(sandbox.folder), "")
        if match := TELLTALE.search(text):
            found.append(f"{where}: ...{text[max(0, match.start() - 60) : match.end() + 60]}...")
    return found
