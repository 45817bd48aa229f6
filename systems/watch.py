"""Observation of one system: which probe is due, and what came back."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from systems import patient, redact, threads
from systems.manifest import Service
from systems.probes import build_all
from systems.probes.base import EVENTS, Clock, Probe
from systems.probes.host import HostProbe
from systems.probes.http import http_readings
from systems.probes.logs import LogsProbe
from systems.probes.process import unit_readings
from systems.probes.tcp import tcp_readings
from systems.probes.web import ask, client
from systems.readings import Reading
from systems.runtimes.base import RuntimeError_
from systems.services import LoadedSystem

log = logging.getLogger(__name__)

Timing = Callable[
    [str, float], None
]  # the probe's name; seconds from when a look of it was due until it was over

QUICK_S = 0.15  # a mini-tick waits no longer than this
SECRETS_EVERY_S = 20.0
AT_ONCE = 6  # probes started together, so that their own crowd does not slow them down; more of very many ...
PAUSE_S = 0.015
SPREAD_S = 0.2  # ... as all of them are started in so long
CLOSE_S = 1.0  # what has not ended by then is left to itself
THIN = 3  # while the watcher is starved, probes run so many times less often ...
THIN_MAX_S = 9.0  # ... but at least this often, or they would count as not read
ALWAYS_ON = ("unit",)  # cheap, and says what died


@dataclass(slots=True, eq=False)
class Slot:
    """One probe of one service."""

    probe: Probe
    service: Service
    phase: int = 0
    due: float = 0.0
    turn: float = 0.0  # when the look that is under way, or was the last, was due
    task: asyncio.Task[None] | None = None
    every_s: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        self.every_s = self.probe.every_s(self.service)
        self.name = f"{self.probe.name} {self.service.name}"

    def plan(self, at: float, *, thin: bool = False) -> None:
        """Set when it is due next, on its own grid, also when turns were missed. Slow probes spread over the ticks
        after their first run. `thin`: less often, because the machine has too little to spare."""
        interval = self.every_s
        if thin and self.probe.name not in ALWAYS_ON:
            interval = max(interval, min(THIN * interval, THIN_MAX_S))
        first = self.due == 0.0
        self.turn = at if first else self.due
        missed = 0.0 if first else max(0.0, (at - self.due) // interval)
        self.due = (at if first else self.due + missed * interval) + interval
        if first and interval >= 2:
            self.due -= self.phase % int(interval)

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()


class SystemWatch:
    """All slots of one system. `now` is epoch seconds, `clock` a steady clock."""

    def __init__(self, system: LoadedSystem, clock: Clock, now: Callable[[], float]) -> None:
        self.system = system
        self.clock = clock
        self.now = now
        self.probes = build_all(system, clock)
        parts = [*system.services.values(), *([system.machine] if system.machine is not None else [])]
        self.slots = [
            Slot(probe, service, phase)
            for phase, service in enumerate(parts)
            for probe in self.probes
            if probe.applies(service)
        ]
        self.slots.sort(key=lambda slot: slot.every_s)
        self._pending: list[Reading] = []
        self._live = self._thin = False
        self._http = client()
        self._redacted: Callable[[str], str] = str
        self._secrets: set[str] | None = None
        self._secrets_at = -1e9
        self.timing: Timing | None = None
        self.listeners: list[Callable[[list[Reading]], None]] = []  # hear every reading; must be quick

    def seed_templates(self, templates: dict[str, list[str]]) -> None:
        """Log templates known from before this process started."""
        for probe in self.probes:
            if isinstance(probe, LogsProbe):
                for service, labels in templates.items():
                    probe.seed(service, labels)

    async def start_due(
        self, *, everything: bool = False, gently: bool = False, thin: bool = False, late_s: float = 0.0
    ) -> list[Slot]:
        """Start what is due and not still running; returns what was started. `late_s`: how long ago that should have
        been: what is due at each step must not be by so much after the next one."""
        self._live, self._thin = not everything, thin
        at = self.clock() - late_s
        due = [s for s in self.slots if (everything or s.due <= at + 0.02) and not s.running]
        at_once = max(AT_ONCE, math.ceil(len(due) * PAUSE_S / SPREAD_S))
        started: list[Slot] = []
        for slot in due:
            if slot.running:  # by another start meanwhile
                continue
            slot.plan(at, thin=thin)
            slot.task = asyncio.create_task(self._run(slot), name=slot.name)
            started.append(slot)
            if gently and len(started) % at_once == 0:
                await asyncio.sleep(PAUSE_S)
        return started

    async def _run(self, slot: Slot) -> None:
        while True:
            found = await slot.probe.observe(self.system, slot.service)
            self._pending += found  # in two steps: `+= await` would add to a list that was taken meanwhile
            if self.timing is not None:
                self.timing(slot.probe.name, self.clock() - slot.turn)
            if not self._live or self.clock() < slot.due:
                return
            slot.plan(self.clock(), thin=self._thin)  # it took so long that its next turn has come

    async def settle(self, timeout_s: float | None) -> None:
        """Wait until nothing runs, or `timeout_s` is over."""
        running = [slot.task for slot in self.slots if slot.task is not None and not slot.task.done()]
        if running:
            await asyncio.wait(running, timeout=timeout_s)

    def take(self) -> list[Reading]:
        """What came in since the last call, cleaned of secrets; of readings that came twice the later one."""
        pending, self._pending = self._pending, []
        return self.note(pending)

    def note(self, readings: list[Reading]) -> list[Reading]:
        """Clean readings; of those that came twice the later one."""
        self._refresh_secrets()
        single: dict[tuple[str, str, str], Reading] = {}
        events: list[Reading] = []
        for reading in map(self._clean, readings):
            if reading.metric in EVENTS:
                events.append(reading)
                continue
            single[reading.service, reading.metric, reading.label] = reading
        found = list(single.values())
        for listener in self.listeners:
            listener(found)
        return found + events

    def _clean(self, reading: Reading) -> Reading:
        if not reading.text and not reading.label:
            return reading
        text, label = self._redacted(reading.text), self._redacted(reading.label)
        if text is reading.text and label is reading.label:
            return reading
        return Reading(reading.service, reading.metric, reading.value, text, label)

    def _refresh_secrets(self) -> None:
        if self.clock() - self._secrets_at < SECRETS_EVERY_S:
            return
        self._secrets_at = self.clock()
        secrets = redact.secrets_of(self.system)
        if secrets == self._secrets:
            return
        self._secrets = secrets
        redactor = redact.Redactor(secrets)

        @lru_cache(maxsize=5000)
        def redacted(text: str) -> str:
            result = redactor.text(text) if text else text
            return text if result == text else result

        self._redacted = redacted

    async def quick(self, unit: str) -> list[Reading]:
        """unit.*, tcp.*, http.*, port.* of one unit, right now; what takes longer than a moment is left to the tick."""
        service = self.system.by_unit(unit)
        if service is None:
            return []
        waits = [asyncio.ensure_future(self._quick_unit(service))]
        if service.tcp is not None:
            waits.append(asyncio.ensure_future(tcp_readings(service.name, service.tcp, 1.0)))
        if service.http is not None:
            waits.append(asyncio.ensure_future(self._quick_http(service)))
        waits += [
            asyncio.ensure_future(self._quick_ports(p, unit)) for p in self.probes if isinstance(p, HostProbe)
        ]
        done, late = await asyncio.wait(waits, timeout=QUICK_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        readings = [r for task in waits if task in done and task.exception() is None for r in task.result()]
        return self.note(readings)

    async def _quick_unit(self, service: Service) -> list[Reading]:
        assert service.unit is not None
        try:
            asked = threads.submit(self.system.slug, "quick", self.system.runtime.state, service.unit)
            state = await asyncio.wrap_future(asked)
        except RuntimeError_ as error:
            return [Reading(service.name, "unit.up", None, str(error))]
        return unit_readings(service.name, state, self.now())

    async def _quick_ports(self, probe: HostProbe, unit: str) -> list[Reading]:
        asked = threads.submit(self.system.slug, "quick", probe.ports_of, self.system, unit)
        try:
            return await asyncio.wrap_future(asked)
        except RuntimeError_:
            return []

    async def _quick_http(self, service: Service) -> list[Reading]:
        assert service.http is not None
        spec = service.http
        answer = await ask(self._http, self.system, spec, spec.url, spec.timeout_s)
        return http_readings(service.name, answer, spec.expect)

    async def close(self) -> None:
        """Stop what runs and give back connections."""
        tasks = [slot.task for slot in self.slots if slot.task is not None]
        for task in tasks:
            task.cancel()
        await patient.ended(tasks, CLOSE_S)
        closing = [
            asyncio.create_task(found) for found in (*(p.close() for p in self.probes), self._http.aclose())
        ]
        await patient.ended(closing, CLOSE_S)
        threads.abandon(self.system.slug)
