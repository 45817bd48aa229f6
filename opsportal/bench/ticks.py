"""What one tick of the watcher costs in CPU, per service watched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import redis

from incidents import evidence, live
from opsportal.bench.figures import Row
from opsportal.local import attach
from systems.services import LoadedSystem


class NoPortal(RuntimeError):
    """No `up` of this data folder is alive."""


def watcher(data_dir: Path) -> psutil.Process:
    """The watch process of the running copy."""
    state = attach.read(data_dir)
    if state is None or "watch" not in state["children"]:
        raise NoPortal(f"no watcher of {data_dir} is running")
    return psutil.Process(state["children"]["watch"]["pid"])


def measure(data_dir: Path, system: LoadedSystem, seconds: float) -> Row:
    """CPU time of the watch process over `seconds`, by the ticks it published meanwhile."""
    process = watcher(data_dir)
    before = _cpu(process)
    began = time.monotonic()
    ticks = _count_ticks(system.slug, seconds)
    took, spent = time.monotonic() - began, _cpu(process) - before
    services = len(system.services)
    per_tick = spent * 1000 / max(ticks, 1)
    data: dict[str, Any] = {
        "cpu_ms_per_tick_per_service": per_tick / services,
        "cpu_ms_per_tick": per_tick,
        "share_of_a_core": spent / took,
        "ticks": ticks,
        "services": services,
        "seconds": took,
        "rss_mb": process.memory_info().rss / 2**20,
    }
    figure = f"{per_tick / services:.2f} ms CPU per tick and service"
    note = (
        f"{per_tick:.1f} ms per tick, {services} services, {ticks} ticks in {took:.0f} s, "
        f"{spent / took:.0%} of a core, {data['rss_mb']:.0f} MB; the whole process, sweeps and store included"
    )
    return Row("watcher", figure, "-", note, data)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _count_ticks(slug: str, seconds: float) -> int:
    """Pictures published in so many seconds, from one to the next so that the ends are whole ticks."""
    until, ticks = time.monotonic() + seconds, 0
    with live.client().pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        channel.subscribe(live.channel(evidence.TICKS.format(slug)))
        while (left := until - time.monotonic()) > 0:
            try:
                message = channel.get_message(timeout=min(left, 1.0))
            except redis.TimeoutError:
                continue
            ticks += message is not None
    return ticks
