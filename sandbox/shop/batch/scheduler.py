"""Starts the jobs of etc/batch.yaml on their schedule, each as a child process, at most one of a kind at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from ..kit.config import Config

log = logging.getLogger("shop")


@dataclass
class Job:
    name: str
    paused: bool = False
    process: asyncio.subprocess.Process | None = None
    due_at: float = 0.0
    started_at: float | None = None
    last_exit: int | None = None
    last_s: float | None = None
    runs: int = 0
    watcher: asyncio.Task[None] | None = field(default=None, repr=False)
    starting: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def state(self) -> str:
        if self.process is not None:
            return "running"
        return "paused" if self.paused else "idle"


class Scheduler:
    """Job names come from the configuration; `every_s` is the schedule, 0 = only on request."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.jobs: dict[str, Job] = {}
        self.apply()

    def apply(self) -> None:
        specs = self.config.get("jobs", {})
        for position, name in enumerate(specs):
            if name not in self.jobs:
                self.jobs[name] = Job(name, due_at=time.monotonic() + 4 + 5 * position)
        for name in set(self.jobs) - set(specs):
            if self.jobs[name].process is None:
                del self.jobs[name]

    async def forever(self) -> None:
        while True:
            now = time.monotonic()
            for job in list(self.jobs.values()):
                every = self.config.number(f"jobs.{job.name}.every_s", 0)
                if every > 0 and not job.paused and job.process is None and now >= job.due_at:
                    job.due_at = now + every
                    await self.run(job)
            await asyncio.sleep(0.5)

    async def run(self, job: Job) -> None:
        """Start it now unless it runs already, or is being started."""
        async with job.starting:
            if job.process is None:
                await self._start(job)

    async def _start(self, job: Job) -> None:
        nice = int(self.config.number(f"jobs.{job.name}.nice", 5))
        package = __package__ or "batch"
        job.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"{package}.jobs", job.name, env={**os.environ, "JOB_NICE": str(nice)}
        )
        job.started_at = time.time()
        job.runs += 1
        job.watcher = asyncio.create_task(self._watch(job, job.process))

    async def _watch(self, job: Job, process: asyncio.subprocess.Process) -> None:
        job.last_exit = await process.wait()
        job.last_s = round(time.time() - (job.started_at or time.time()), 2)
        if job.process is process:
            job.process = None
        level = logging.INFO if job.last_exit == 0 else logging.ERROR
        log.log(level, "job %s ended with %s after %.1f s", job.name, job.last_exit, job.last_s)

    async def pause(self, job: Job, grace_s: float = 2.0) -> None:
        """No more runs, and the one under way is ended."""
        job.paused = True
        async with job.starting:
            process = job.process
        if process is None:
            return
        for sig, wait in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 2.0)):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.send_signal(sig)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), wait)
                break
        log.warning("job %s is paused", job.name)

    def resume(self, job: Job) -> None:
        job.paused = False
        job.due_at = time.monotonic()
        log.warning("job %s is resumed", job.name)

    def describe(self, job: Job) -> dict[str, Any]:
        return {
            "name": job.name, "state": job.state, "paused": job.paused, "pid": job.process.pid if job.process else None,
            "started_at": job.started_at, "last_exit": job.last_exit, "last_s": job.last_s, "runs": job.runs,
            "every_s": self.config.number(f"jobs.{job.name}.every_s", 0),
        }  # fmt: skip
