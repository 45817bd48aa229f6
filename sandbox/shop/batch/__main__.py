"""`python -m shop.batch`: GET /jobs, POST /jobs/NAME/run|pause|resume, /outside, /healthz, /metrics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator

from ..kit import logs
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, json_response, serve
from ..kit.metrics import PATH, Figure, Metrics
from ..kit.run import keep, run
from . import outside
from .scheduler import Scheduler


class Batch:
    """The scheduler and its control interface."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.scheduler = Scheduler(config)
        self.metrics = Metrics(self.figures)
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.config.listeners.append(self.scheduler.apply)
        keep(self.tasks, self.scheduler.forever(), "scheduler")
        await serve(self.handle, int(os.environ["PORT"]))
        logging.getLogger("shop").info("batch is up with %d jobs", len(self.scheduler.jobs))

    async def handle(self, request: Request) -> Response:
        scheduler = self.scheduler
        if request.path == "/healthz":
            return json_response({"status": "ok", "jobs": len(scheduler.jobs)})
        if request.path == "/jobs":
            return json_response([scheduler.describe(job) for job in scheduler.jobs.values()])
        if request.path == "/outside":
            return json_response(await asyncio.to_thread(outside.look))
        if request.path == PATH:
            return self.metrics.response()
        parts = request.path.strip("/").split("/")
        if request.method == "POST" and len(parts) == 3 and parts[0] == "jobs" and parts[1] in scheduler.jobs:
            job = scheduler.jobs[parts[1]]
            if parts[2] == "run":
                await scheduler.run(job)
            elif parts[2] == "pause":
                await scheduler.pause(job)
            elif parts[2] == "resume":
                scheduler.resume(job)
            else:
                return json_response({"error": "not found"}, 404)
            return json_response(scheduler.describe(job))
        return json_response({"error": "not found"}, 404)

    def figures(self) -> Iterator[Figure]:
        """How many jobs run, and how many may not."""
        jobs = self.scheduler.jobs.values()
        yield "jobs_running", {}, sum(job.process is not None for job in jobs)
        yield "jobs_paused", {}, sum(job.paused for job in jobs)


def main() -> None:
    logs.setup("batch")
    config = load_or_exit()
    run(Batch(config).start, config)


if __name__ == "__main__":
    main()
