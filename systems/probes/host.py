"""host.* of the machine that the watcher and the units run on, and port.taken of the services whose ports are there.

Figures cost some reads of /proc. Who takes the machine is looked at only while it is short of something.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from django.conf import settings

from systems.machine import disks, gauges, sockets
from systems.machine.part import Machine
from systems.machine.ports import Ports, Units, declared
from systems.machine.processes import OTHERS_PCT, Look, Processes
from systems.manifest import Service
from systems.probes import hostclocks
from systems.probes.base import Clock, FileProbe, ProbeFailed
from systems.readings import Reading, clean
from systems.runtimes.base import RuntimeError_, UnitState
from systems.services import LoadedSystem

SLOW_S = 5.5  # disks, and ports while all units run: on every third look
CLOCKS_S = 12.0
# From here on it is told who takes it.
BUSY_PCT, CROWDED, SCARCE_PCT, PRESSED_PCT = 85.0, 2.0, 12.0, 10.0
SUFFER = 1 / 3  # so many of the units have to wait before the machine is what they suffer from
_MOST = {"cpu": Look.by_cpu, "memory": Look.by_memory, "io": Look.by_io}
PRESSURES = tuple(_MOST)


class HostProbe(FileProbe):
    name = "host"
    interval_s = 2.0
    timeout_s = 2.5
    main = ("host.cpu_pct",)

    def __init__(
        self,
        clock: Clock = time.monotonic,
        now: Callable[[], float] = time.time,
        proc: Path = gauges.PROC,
        ports: Ports | None = None,
        processes: Processes | None = None,
    ) -> None:
        super().__init__(clock)
        self._now, self._proc = now, proc
        self._cores = gauges.cores()
        self._ports = ports or Ports()
        self._processes = processes or Processes(self._cores, clock, proc=proc)
        self._units: dict[str, UnitState] = {}  # when they were last told
        self._times: gauges.Times | None = None
        self._slow_at = self._clocks_at = -1e9

    def applies(self, service: Service) -> bool:
        return isinstance(service, Machine)

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        told = await super().measure(system, service)
        if self.clock() - self._clocks_at < CLOCKS_S:
            return told
        self._clocks_at = self.clock()
        async with asyncio.timeout(self.timeout_s / 2):
            return told + await hostclocks.readings(service.name, system, self._now)

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """Raises while no unit was ever seen to be of this machine: then nothing is said of it."""
        try:
            units = self._units = _units(system)
        except RuntimeError_:
            units = {}  # what the machine is short of can be told all the same
        if not self._units:
            raise ProbeFailed("none of the units is seen to be of this machine")
        found = list(self._figures(service.name, system, units))
        slow = self.clock() - self._slow_at >= SLOW_S
        if slow or any(state.pid is None for state in units.values()):
            found += self._sockets(service.name, system, units)
        if slow:
            self._slow_at = self.clock()
            found += _disks(service.name, system)
        return found

    def ports_of(self, system: LoadedSystem, unit: str) -> list[Reading]:
        """port.taken of one unit, right after something has happened to it."""
        if unit not in self._units:
            return []
        return self._held(system, self._units | {unit: system.runtime.state(unit)}, only=unit)[0]

    def _figures(self, host: str, system: LoadedSystem, units: dict[str, UnitState]) -> Iterator[Reading]:
        proc = self._proc
        now = gauges.times(proc)
        cpu, self._times = now.share_since(self._times) if now is not None else None, now
        load, memory = gauges.load(proc), gauges.memory(proc)
        pressed = {what: gauges.pressure(what, proc) for what in PRESSURES}
        crowd = load[0] / self._cores if load is not None else None
        short = _is_short(cpu or 0.0, crowd or 0.0, memory, pressed)
        look = self._processes.look({u: s.pid for u, s in units.items() if s.pid}) if short else None
        crowded = f"load {load[0]:.1f} on {self._cores} cores" if load is not None else ""
        yield _told(host, "host.cpu_pct", cpu, crowded, look.by_cpu() if look else "")
        yield _told(host, "host.load1", crowd, crowded)
        yield from _memory(host, memory, look)
        for what, shares in pressed.items():
            most = _MOST[what](look) if look else ""
            for kind, share in shares.items():
                metric = f"host.psi_{what}" + ("_full" if kind == "full" else "")
                yield _told(host, metric, share, f"{share:.0f} % of the time", most)
        yield from self._limits(host, load[1] if load is not None else None)
        if units and (look is not None or not short):
            yield _waiting(host, system, units, look)

    def _limits(self, host: str, threads: int | None) -> Iterator[Reading]:
        files, most = gauges.files(self._proc), gauges.most_threads(self._proc)
        if files is not None and files[1]:
            yield _told(host, "host.fds_used_pct", 100 * files[0] / files[1], f"{files[0]} of {files[1]}")
        if threads is not None and most:
            yield _told(host, "host.pids_used_pct", 100 * threads / most, f"{threads} of {most}")

    def _sockets(self, host: str, system: LoadedSystem, units: dict[str, UnitState]) -> list[Reading]:
        ephemeral = gauges.ephemeral(self._proc) or range(0)
        found, (end, used) = self._held(system, units, ephemeral)
        if ephemeral and end is not None:
            share, text = 100 * used / len(ephemeral), f"{used} of {len(ephemeral)}, to {end}" if used else ""
            found.append(_told(host, "host.ephemeral_ports_used_pct", share, text))
        return found

    def _held(
        self, system: LoadedSystem, units: dict[str, UnitState], ephemeral: range = range(0), only: str = ""
    ) -> tuple[list[Reading], tuple[str | None, int]]:
        """port.taken of the units' services (of `only` one unit), and the far end to which the most ports lead; None
        where the tables cannot be read."""
        services = [s for s in system.services.values() if s.unit in units and only in ("", s.unit)]
        table = sockets.table({port for s in services for _, port in declared(s)}, ephemeral, self._proc)
        names = {s.unit: s.name for s in system.services.values() if s.unit}
        found = self._ports.readings(services, Units(units, names, system.graph.links, self._now()), table)
        return found, table.busiest if table.is_read else (None, 0)


def _units(system: LoadedSystem) -> dict[str, UnitState]:
    """The units of this machine, by name. RuntimeError_: the runtime does not answer."""
    states = {s.unit: s for s in system.runtime.list()}
    wanted = [s.unit for s in system.services.values() if s.unit in states]
    return {unit: states[unit] for unit in wanted if unit and system.runtime.nearby(unit)}


def _is_short(
    cpu: float, crowd: float, memory: gauges.Memory | None, pressed: Mapping[str, Mapping[str, float]]
) -> bool:
    """Whether it is worth a look at who takes it."""
    scarce = memory is not None and memory.available_pct <= SCARCE_PCT
    waits = max(pressed[what].get("full", 0.0) for what in ("memory", "io"))
    return cpu >= BUSY_PCT or crowd >= CROWDED or scarce or waits >= PRESSED_PCT


def _told(host: str, metric: str, value: float | None, text: str, most: str = "", label: str = "") -> Reading:
    words = f"{text}; most: {most}" if most else text
    return Reading(host, metric, None if value is None else round(value, 2), clean(words, 400), label)


def _memory(host: str, memory: gauges.Memory | None, look: Look | None) -> Iterator[Reading]:
    if memory is None:
        yield Reading(host, "host.memory_available_pct", None, "not told here")
        return
    text = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB are free"
    most = look.by_memory() if look is not None else ""
    yield _told(host, "host.memory_available_pct", memory.available_pct, text, most)
    swapped = f"{(memory.swap - memory.swap_free) / 1e9:.1f} of {memory.swap / 1e9:.1f} GB"
    yield _told(host, "host.swap_used_pct", memory.swap_used_pct, swapped if memory.swap else "none")


def _waiting(host: str, system: LoadedSystem, units: dict[str, UnitState], look: Look | None) -> Reading:
    """How many of the units are held up because others have the processors; 0 where these are few, or it is their own
    doing."""
    waiting = look.waiting if look is not None else {}
    if look is None or look.others_pct < OTHERS_PCT or len(waiting) < math.ceil(SUFFER * len(units)):
        return Reading(host, "host.units_waiting", 0.0)
    names = {s.unit: s.name for s in system.services.values()}
    worst = sorted(waiting.items(), key=lambda item: -item[1])[:4]
    text = ", ".join(f"{names.get(unit, unit)} {share:.0%} of the time" for unit, share in worst)
    text += f"; others use {min(100.0, look.others_pct):.0f} % of the machine"
    return _told(host, "host.units_waiting", float(len(waiting)), text, look.by_cpu())


def _disks(host: str, system: LoadedSystem) -> list[Reading]:
    """Where the manifest's files and the portal's data lie; volumes have a probe of their own."""
    volumes = {disks.device(system.path(v.path)) for s in system.services.values() for v in s.volumes}
    found = []
    for mount in disks.mounts(_places(system), volumes):
        try:
            told = os.statvfs(mount)
        except OSError as error:
            found.append(Reading(host, "host.disk_used_pct", None, error.strerror or "", str(mount)))
            continue
        free = f"{told.f_bavail * told.f_frsize / 1e9:.1f} GB free"
        bytes_ = disks.used_pct(told.f_blocks, told.f_bfree, told.f_bavail)
        inodes = disks.used_pct(told.f_files, told.f_ffree, told.f_favail)
        found.append(_told(host, "host.disk_used_pct", bytes_, free, label=str(mount)))
        text = f"{told.f_favail} inodes free"
        found.append(_told(host, "host.inodes_used_pct", inodes, text, label=str(mount)))
    return found


def _places(system: LoadedSystem) -> list[Path]:
    found = [system.base_dir, Path(settings.OPSPORTAL_DATA)]
    for service in system.services.values():
        files = [log.file for log in service.logs]
        files += [part.file for part in (service.config, service.env) if part is not None]
        files += [service.release.link] if service.release is not None and service.release.link else []
        found += [system.path(file) for file in files]
    return found
