"""The library: a small system that shares nothing with the portal, and a portal in threads that looks after it."""

from __future__ import annotations

import asyncio
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections

from actions.models import ActionRequest
from agent import journal, loop
from agent import service as agent
from incidents import detection
from incidents.models import OPEN_STATES, Incident, Symptom, TimelineEvent
from systems import services
from systems.probes import journeys
from systems.watcher import Watcher
from tests.systems.supervisor.harness import ROOT, Client, free_port

SITE = Path(__file__).parent / "site"


def until(what: Callable[[], Any], seconds: float, say: Callable[[], object]) -> Any:
    """Look until it gives something; AssertionError with `say()` when it does not in time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, say()
        time.sleep(0.1)
    return found


class Library:
    """The running system: three processes under a supervisor."""

    def __init__(self, base: Path) -> None:
        self.base = base
        shutil.copytree(SITE, base, dirs_exist_ok=True)
        ports = {f"@{name}@": str(free_port()) for name in ("SHELF", "LEDGER", "CLERK")}
        for file in [*base.glob("*.yaml"), *base.glob("etc/*")]:
            text = file.read_text()
            for mark, port in ports.items():
                text = text.replace(mark, port)
            file.write_text(text)
        shutil.copytree(base / "etc", base / "golden")
        (base / "todo").mkdir()
        self.manifest = base / "manifest.yaml"
        argv = [sys.executable, "-m", "systems.supervisor", str(base / "processes.yaml"), "--die-with-parent"]
        self.process = subprocess.Popen(argv, cwd=ROOT)
        until(self._well, 30, lambda: "the library does not open")

    def _well(self) -> bool:
        try:
            return not self.wrong()
        except OSError:
            return False

    def wrong(self) -> list[str]:
        """What a reader cannot do now."""
        return journeys.failures(services.from_manifest(self.manifest))

    def ask(self, op: str, service: str | None = None, **fields: Any) -> dict[str, Any]:
        client = Client(self.base / "run/supervisor.sock")
        try:
            return client.ask(op, **({"service": service} if service else {}), **fields)
        finally:
            client.close()

    def unit(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("status")["services"][name]
        return found

    def pids(self) -> dict[str, int | None]:
        return {name: unit["pid"] for name, unit in self.ask("status")["services"].items()}

    def send(self, name: str, number: signal.Signals) -> None:
        if pid := self.unit(name)["pid"]:
            os.kill(pid, number)

    def kill_until_given_up(self, name: str) -> None:
        def dead() -> bool:
            if self.unit(name)["fatal"]:
                return True
            self.send(name, signal.SIGKILL)
            return False

        until(dead, 30, lambda: self.unit(name))

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.base / file).read_text()
        assert old in text
        (self.base / file).write_text(text.replace(old, new))

    def restart(self, name: str) -> None:
        """As somebody at the keyboard would; whether it comes up is its own business."""
        self.ask("restart", name)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@dataclass
class Story:
    """What became of one fault, in seconds from its beginning."""

    incident: Incident
    detected_s: float
    over_s: float
    repaired_s: float | None
    actions: list[str] = field(default_factory=list)

    def text(self) -> str:
        events = TimelineEvent.objects.filter(incident=self.incident).order_by("seq")
        lines = [f"{e.at:%H:%M:%S} {e.kind}: {e.title}" for e in events]
        return "\n".join([f"{self.incident.component}:{self.incident.cause} {self.actions}", *lines])


class Portal:
    """The watcher, the sweep and one worker, in threads of this process."""

    def __init__(self) -> None:
        self._runs: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._threads = [
            threading.Thread(target=t, daemon=True) for t in (self._watch, self._sweep, self._work)
        ]
        self._ended = threading.Event()
        journal.on_wake(self._runs.put)
        for thread in self._threads:
            thread.start()

    def _watch(self) -> None:
        watcher = Watcher(services.load_all, on_tick=[detection.on_tick])
        self._loop.run_until_complete(watcher.run(self._stop))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        connections.close_all()

    def _sweep(self) -> None:
        while not self._ended.wait(0.5):
            agent.sweep()
        connections.close_all()

    def _work(self) -> None:
        while (run := self._runs.get()) is not None:
            loop.advance(run)
        connections.close_all()

    def wait_settled(self, slug: str) -> None:
        """Until the detection knows what is normal, and nothing is open."""

        def calm() -> bool:
            known = detection._detectors.get(slug)
            busy = Incident.objects.filter(state__in=OPEN_STATES).exists()
            return known is not None and known.engine.settled_at is not None and not busy

        until(calm, 60, lambda: list(Symptom.objects.filter(cleared_at=None).values_list("title", flat=True)))

    def close(self) -> None:
        self._ended.set()
        self._runs.put(None)
        self._loop.call_soon_threadsafe(self._stop.set)
        for thread in self._threads:
            thread.join(20)


def follow(library: Library, fault: Callable[[], None], *, ends: tuple[str, ...], within_s: float) -> Story:
    """Begin the fault and watch until the incident it opens is in one of the states `ends`."""
    last = Incident.objects.order_by("-number").values_list("number", flat=True).first() or 0
    began, wall = time.monotonic(), time.time()
    fault()

    opened = until(
        lambda: Incident.objects.filter(number__gt=last).first(), 40, lambda: "nothing was noticed"
    )
    number = opened.number

    def over() -> Incident | None:
        return Incident.objects.filter(number=number, state__in=ends).first()

    def so_far() -> str:
        return story(Incident.objects.get(pk=number)).text() + f"\nwrong: {library.wrong()}"

    def story(incident: Incident) -> Story:
        steps = ActionRequest.objects.filter(incident_id=number).order_by("requested_at")
        done = [f"{a.slug} {a.target}: {a.status}" for a in steps]
        green = TimelineEvent.objects.filter(
            incident=number, kind="verify", title__startswith="Recovered"
        ).last()
        repaired = green.at.timestamp() - 4.0 - wall if green else None
        return Story(
            incident, incident.opened_at.timestamp() - wall, time.monotonic() - began, repaired, done
        )

    return story(until(over, within_s, so_far))
