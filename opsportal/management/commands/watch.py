"""`manage.py watch`: observes every system, detects, and sends the wake-ups that got lost."""

import asyncio
import gc
import logging
import os
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import BaseCommand
from django.db import close_old_connections

from actions import service as actions
from actions import tasks as action_tasks
from agent import tasks as agent_tasks
from chaos import tasks as chaos_tasks
from incidents import detection
from opsportal import heartbeat, kept, wiring
from opsportal.bench.lateness import Lateness
from opsportal.readiness import Readiness
from systems import services, starved
from systems.probes import web
from systems.watcher import Tick, Watcher

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 1.0
GATE_EVERY_S = 5.0
FOLLOW_EVERY_S = GATE_EVERY_S
GARBAGE_EVERY = 20_000  # objects: a tick of a large system makes that many, and most of them are no rings
END_S = 4.5  # from SIGTERM to the end


class Command(BaseCommand):
    help = "Watch all registered systems until stopped (one process per set of systems)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--timings", type=Path, metavar="FILE", help="write how late each look was, at the end, as JSON"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        gc.freeze()  # what was loaded by now stays
        gc.set_threshold(GARBAGE_EVERY, 20, 20)
        asyncio.run(_watch(Lateness(options["timings"]) if options["timings"] else None))


async def _watch(timings: Lateness | None = None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(32, thread_name_prefix="watcher"))

    def end() -> None:
        stop.set()
        if timings is not None:
            timings.write()
        timer = threading.Timer(END_S, os._exit, [0])  # whatever hangs by then hangs for ever
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    signs = _Signs(strain := starved.Watch())
    handlers = [*wiring.tick_handlers(), signs.on_tick, *([timings.on_tick] if timings is not None else [])]
    look = timings.look if timings is not None else None
    watcher = Watcher(services.load_all, on_tick=handlers, strain=strain, timing=look)
    signs.looked_at, signs.unstored = watcher.looked_at, lambda: watcher.unstored
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(_repeat(wiring.sweep, SWEEP_EVERY_S)),
            group.create_task(_repeat(_sweep_gate, GATE_EVERY_S)),
            group.create_task(_repeat(signs.beat, heartbeat.EVERY_S)),
            group.create_task(_repeat(kept.prune, kept.EVERY_S)),
        ]
        await watcher.run(stop)
        for task in helpers:
            task.cancel()


def _sweep_gate() -> None:
    """The sweep may run actions: by a worker where this process may only look. A lost message costs one turn."""
    if settings.OPSPORTAL_LOOKS_ONLY:
        action_tasks.sweep.apply_async(expires=GATE_EVERY_S, retry=False)
    else:
        actions.sweep()
    chaos_tasks.send_again(GATE_EVERY_S)
    chaos_tasks.look_at_mode(GATE_EVERY_S)
    chaos_tasks.look_at_game_days(GATE_EVERY_S)
    agent_tasks.look_at_follow_ups(FOLLOW_EVERY_S)


class _Signs:
    """Collects what /healthz says of the systems; beats only while ticks arrive or there is nothing to watch."""

    def __init__(self, strain: starved.Watch) -> None:
        self._strain = strain
        self._readiness = Readiness()
        self._systems: dict[str, Any] = {}
        self.looked_at: dict[str, float] = {}  # epoch seconds, of each system that is watched now
        self.unstored: Callable[[], tuple[int, int]] = lambda: (0, 0)  # ticks: waiting, left out

    async def on_tick(self, tick: Tick) -> None:
        self._readiness.note(tick.system, detection.latest(tick.system.slug))
        self._systems[tick.system.slug] = self._readiness.describe(tick.system)

    def beat(self) -> None:
        try:
            strain = self._strain.state
            told = {"since": strain.since, "why": strain.why} if strain.starved else None
            looked, known = dict(self.looked_at), dict(self._systems)
            systems = {slug: {**known[slug], "ticked_at": at} for slug, at in looked.items() if slug in known}
            pools = {"rebuilt": web.rebuilds.count, "last": web.rebuilds.last}
            waiting, left_out = self.unstored()
            unstored = {"waiting": waiting, "left_out": left_out}
            heartbeat.beat(
                "watcher", systems=systems, starved=told, looked_at=looked, pools=pools, unstored=unstored
            )
        except redis.RedisError as error:
            log.warning("no sign of life: %s", error)


async def _repeat(job: Callable[[], object], every_s: float) -> None:
    """Run job in a thread, again and again; a failing run is logged and does not end the row."""

    def once() -> None:
        close_old_connections()
        try:
            job()
        except Exception:
            log.exception("%s failed; trying again", job.__qualname__)
        finally:
            close_old_connections()

    run = sync_to_async(once, thread_sensitive=False)
    while True:
        await run()
        await asyncio.sleep(every_s)
