"""The sandbox as containers of a compose project, with what anybody who may use the engine can do to them."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from systems.runtimes.base import NotRunning, RuntimeFailed
from systems.runtimes.docker.driver import DockerRuntime

CPU_WINDOW_S = 0.6  # the table of processes is read at most twice a second
NET = "net"  # the unit at the near end of every line
WRITE = "import sys; open('/proc/1/fd/1', 'a').writelines(line + '\\n' for line in sys.argv[1:])"


class ContainerHands:
    """`facts`: site.json with the compose project, the prefixes of its services and the networks of the edges."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self._shop, self._world = self._runtime("prefix"), self._runtime("world_prefix")

    def _runtime(self, prefix: str) -> DockerRuntime:
        return _connect(self.facts["project"], self.facts[prefix])

    def _of(self, world: bool) -> DockerRuntime:
        return self._world if world else self._shop

    def units(self, *, world: bool = False) -> dict[str, dict[str, Any]]:
        return {state.unit: asdict(state) for state in self._of(world).list()}

    def start(self, unit: str, *, world: bool = False) -> None:
        self._of(world).start(unit)

    def crash(self, units: tuple[str, ...], number: int, *, world: bool = False) -> None:
        """The engine's own kill, after which it starts nothing again; the signal is always KILL, because the first
        process of a container can be made to die of no other."""
        with ThreadPoolExecutor(len(units)) as together:
            list(together.map(self._of(world).take_down, units))

    def reload(self, unit: str, *, world: bool = False) -> None:
        with suppress(NotRunning):
            self._of(world).signal(unit, "HUP")

    def bounce(self, unit: str) -> None:
        self._shop.restart(unit, grace_s=2)

    def restart(self, unit: str) -> None:
        self._shop.restart(unit)

    def stop(self, unit: str) -> None:
        self._shop.stop(unit)

    def set_memory_limit(self, unit: str, megabytes: float | None) -> None:
        self._shop.limits(unit, megabytes)

    def strike(self, unit: str, signal: str) -> None:
        with suppress(NotRunning):
            self._shop.signal(unit, signal)

    def freeze(self, unit: str) -> None:
        self._shop.signal(unit, "STOP")

    def thaw(self, unit: str) -> None:
        with suppress(NotRunning):
            self._shop.resume(unit)

    def is_frozen(self, unit: str) -> bool:
        stats = self._shop.stats(unit)
        return stats is not None and stats.proc_state == "T"

    def write_log(self, unit: str, lines: list[str]) -> None:
        done = self._shop.exec(unit, ["python", "-S", "-c", WRITE, *lines])
        if done.code:
            raise RuntimeFailed(f"could not write to the log of {unit}: {done.err.strip()[-200:]}")

    def run_beside(self, unit: str, argv: list[str]) -> tuple[int, list[str]]:
        done = self._shop.exec(unit, argv)
        return done.code, (done.out + done.err).splitlines()

    def busy_children(self, unit: str, percent: float) -> list[str]:
        self._shop.stats(unit)
        time.sleep(CPU_WINDOW_S)
        stats = self._shop.stats(unit)
        return [child.cmdline for child in stats.children if child.cpu_pct > percent] if stats else []

    def line(self, edge: str) -> dict[str, Any]:
        network = self.facts["edge_networks"][edge]
        there = self._shop.networks(NET)
        return {network: there[network]} if network in there else {}

    def cut(self, edge: str) -> bool:
        self._shop.disconnect(NET, self.facts["edge_networks"][edge])
        return True

    def mend(self, edge: str, line: dict[str, Any]) -> None:
        self._shop.reconnect(NET, ends=line)


@cache
def _connect(project: str, prefix: str) -> DockerRuntime:
    """Its notes lie outside of the site: what was cut is not for those who look after it to read. They are not
    needed to mend: the fault's own record is."""
    notes = Path(tempfile.gettempdir()) / f".{project}.{prefix}{os.getuid()}"
    return DockerRuntime({"project": project, "prefix": prefix, "state": str(notes)}, notes.parent)
