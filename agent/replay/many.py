"""Many bundles replayed, on all cores: each in a process of its own, for one does not know of another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import django

from agent.replay import run
from agent.replay.recorded import shipped
from agent.replay.score import Line, first_live
from incidents.bundles import folder
from knowledge.spec import RunbookSpec


def lines(paths: Sequence[Path]) -> Iterator[Line]:
    """The row of each bundle, in the order of `paths`. BundleError when one cannot be read."""
    workers = min(os.cpu_count() or 1, len(paths))
    if workers <= 1:
        yield from map(line, paths)
        return
    with ProcessPoolExecutor(workers, initializer=django.setup) as pool:
        yield from pool.map(line, paths)


def line(path: Path) -> Line:
    bundle = folder.read(path)
    return Line(path.name, run(bundle, _specs()), folder.answer(path), first_live(bundle))


@cache
def _specs() -> Sequence[RunbookSpec]:
    return shipped()
