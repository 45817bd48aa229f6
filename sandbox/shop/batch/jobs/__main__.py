"""`python -m shop.batch.jobs NAME`: one run of one job, in a process of its own that bears the job's name."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

from ...kit import logs
from ...kit.config import load_or_exit


def main(name: str) -> None:
    logs.setup("batch", name)
    with contextlib.suppress(ImportError):
        from setproctitle import setthreadtitle

        setthreadtitle(name)
    os.nice(int(os.environ.get("JOB_NICE", "5")))
    config = load_or_exit()
    job = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    job.run(config.get(f"jobs.{name}") or {})


if __name__ == "__main__":
    main(sys.argv[1])
