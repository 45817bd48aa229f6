"""Whatever hangs: the other systems are looked at, a reload and the end come through, and a stuck watch starts anew."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from systems import watch, watcher
from systems.services import LoadedSystem
from systems.watcher import Tick, Watcher

from .helpers import make_system
from .test_watcher import Running, Seen, until


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    found = threading.Event()
    yield found
    found.set()


def hanging(folder: Path, gate: threading.Event, slug: str = "ill") -> LoadedSystem:
    """A system whose supervisor takes every question and answers none."""
    folder.mkdir(exist_ok=True)
    system = make_system(folder, {f"u{n}": {"kind": "x", "unit": f"u{n}"} for n in range(16)})
    system.slug = slug

    def hang(*_: Any, **__: Any) -> Any:
        gate.wait()
        raise OSError("never")

    runtime: Any = system.runtime
    runtime.list = runtime.state = runtime.stats = runtime.logs_since = hang
    return system


def healthy(folder: Path) -> LoadedSystem:
    folder.mkdir(exist_ok=True)
    (folder / "a.yaml").write_text("x: 1\n")
    config = {"file": "a.yaml", "golden": "a.yaml"}
    system = make_system(folder, {"a": {"kind": "x", "unit": "a", "config": config}})
    system.slug = "well"
    return system


async def test_a_patient_that_never_answers_costs_the_others_nothing(
    tmp_path: Path, gate: threading.Event
) -> None:
    both = [hanging(tmp_path / "ill", gate), healthy(tmp_path / "well")]
    seen = Seen()
    async with Running(Watcher(lambda: both, [seen], persist=False, interval_s=0.3)):
        await until(lambda: len([t for t in seen.ticks if t.system.slug == "well"]) >= 12, "ticks go on")
        gate.set()
    readings = [r for t in seen.ticks if t.system.slug == "well" for r in t.readings]
    assert {r.value for r in readings if r.metric in ("unit.up", "config.valid")} == {1.0}


async def test_what_takes_long_over_one_system_keeps_no_other_waiting(tmp_path: Path) -> None:
    both = [healthy(tmp_path / "one"), healthy(tmp_path / "two")]
    both[0].slug = "slow"
    never, quick = asyncio.Event(), Seen()

    async def judge(tick: Tick) -> None:
        if tick.system.slug == "slow":
            await never.wait()
        quick(tick)

    async with Running(Watcher(lambda: both, [judge], persist=False, interval_s=0.2)):
        await until(lambda: len(quick.ticks) >= 5, "the other one is judged")
        never.set()


async def test_a_reload_comes_through_whatever_hangs(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that hang, events that do not end when they should, a probe that does not close."""
    monkeypatch.setattr(watcher, "RELOAD_S", 0.2)
    old, new = hanging(tmp_path, gate), make_system(tmp_path, {"a": {"kind": "x", "unit": "a"}})
    new.slug = "ill"
    deaf = asyncio.Event()

    async def events() -> AsyncIterator[Any]:
        while not deaf.is_set():
            try:
                await deaf.wait()
            except asyncio.CancelledError:
                continue
        return
        yield

    runtime: Any = old.runtime
    runtime.events = events
    current, seen = [old], Seen()
    async with Running(Watcher(lambda: list(current), [seen], persist=False, interval_s=0.2)):
        await until(lambda: seen.ticks, "the old one is watched")
        current[:] = [new]
        await until(lambda: any(t.system is new for t in seen.ticks), "the new one is watched")
        deaf.set()


async def test_a_list_of_systems_that_never_comes_stops_nothing(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "RELOAD_S", 0.1)
    monkeypatch.setattr(watcher, "LOAD_S", 0.2)
    system, seen, asked = healthy(tmp_path), Seen(), 0

    def load() -> list[LoadedSystem]:
        nonlocal asked
        asked += 1
        if asked > 1:
            gate.wait()
        return [system]

    async with Running(Watcher(load, [seen], persist=False, interval_s=0.2)):
        await until(lambda: asked > 1, "asked again")
        had = len(seen.ticks)
        await until(lambda: len(seen.ticks) >= had + 5, "the known one goes on")
    gate.set()


async def test_a_stuck_watch_is_noticed_and_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "STUCK_S", 1.0)
    start, stuck = watch.SystemWatch.start_due, list[watch.SystemWatch]()

    async def start_due(self: watch.SystemWatch, **how: Any) -> Any:
        if not stuck:
            stuck.append(self)
        if self is stuck[0]:
            await asyncio.Event().wait()
        return await start(self, **how)

    monkeypatch.setattr(watch.SystemWatch, "start_due", start_due)
    system, seen = healthy(tmp_path), Seen()
    async with Running(Watcher(lambda: [system], [seen], persist=False, interval_s=0.2)) as found:
        await until(lambda: "well" in found.looked_at, "it is known since when")
        began = found.looked_at["well"]
        await until(lambda: seen.ticks, "it is looked at again")
        assert found.looked_at["well"] > began


SCRIPT = """
import asyncio, threading, sys
import django
django.setup()
from opsportal.management.commands import watch
from systems import services
from systems.watcher import Watcher

def hang(*_, **__):
    threading.Event().wait()

def load():
    print("watching", flush=True)
    hang()

services.load_all = load
watch.wiring.sweep = watch._sweep_gate = hang
asyncio.run(watch._watch())
"""


def test_sigterm_ends_it_whatever_hangs(db: None) -> None:
    """Threads that never come back would keep the interpreter alive for ever."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "opsportal.settings"},
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"watching\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
