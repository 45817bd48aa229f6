"""Shared by the faults in which a process dies again at every start, until its supervisor gives up."""

from __future__ import annotations

import os
import signal
import time

from chaos.faults.base import FaultFailed
from chaos.site import Site

GIVES_UP_WITHIN_S = 25.0
LOOK_S = 0.03


def until_given_up(site: Site, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
    """Send the signal to each new process of the units until each has been given up once."""
    left, until = set(units), time.monotonic() + GIVES_UP_WITHIN_S
    hit: dict[str, int] = {}
    while left and time.monotonic() < until:
        seen = site.units(world=world)
        for unit in sorted(left):
            state = seen[unit]
            if state["fatal"] or state["state"] == "FATAL":
                left.discard(unit)
            elif state["pid"] and hit.get(unit) != state["pid"] and state["state"] in ("STARTING", "RUNNING"):
                hit[unit] = state["pid"]
                _send(state["pid"], number)
        time.sleep(LOOK_S)
    if left:
        raise FaultFailed(f"{', '.join(sorted(left))} kept coming back; is its supervisor set to give up?")


def down(site: Site, units: tuple[str, ...], *, world: bool = False) -> str:
    seen = site.units(world=world)
    dead = [u for u in units if seen[u]["state"] not in ("RUNNING", "STARTING")]
    return f"{', '.join(dead)} not running" if dead else ""


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


SEGV = signal.SIGSEGV
KILL = signal.SIGKILL
