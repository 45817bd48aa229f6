"""Whether somebody else holds the port that a unit declares.

What stands before a unit while it runs (a proxy, a forwarder, a process that left its parent) is no stranger to it;
what holds its port while it is down is, even if it is an earlier run of the same program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psutil

from systems.machine import sockets
from systems.machine.processes import spoken
from systems.machine.sockets import Holders, Listening, Table
from systems.manifest import Service
from systems.readings import Reading, clean
from systems.runtimes.base import RUNNING, UnitState

METRIC = "port.taken"
SETTLED_S = 10.0  # who holds the port of a unit that has run for so long, belongs there
# What carries a port into a container or a name space of its own, for whoever listens there.
FORWARDERS = frozenset(
    {"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "passt", "conmon", "gvproxy"}
)
UNSEEN = "a process that cannot be looked into"
DEFAULT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Process:
    """`started`: epoch seconds; tells two with the same pid apart. `above`: the pids of its ancestors. Pid 0: not ours
    to see, and told apart by its socket."""

    pid: int
    name: str
    words: str
    started: float
    above: tuple[int, ...] = ()

    @property
    def id(self) -> tuple[int, float]:
        return (self.pid, self.started)

    def __str__(self) -> str:
        if not self.pid:
            return self.words
        since = datetime.fromtimestamp(self.started, UTC)
        return f"pid {self.pid} ({self.words}), started {since:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Units:
    """Of this machine: `states` by unit, `names` of their services, `carriers` of the calls to a service, and the time
    in epoch seconds."""

    states: Mapping[str, UnitState]
    names: Mapping[str, str]
    carriers: Mapping[str, Collection[str]]
    now: float

    def of(self, process: Process) -> str | None:
        """The unit whose process it is, or that has started it."""
        of_pid = {s.pid: unit for unit, s in self.states.items() if s.pid}
        return next((of_pid[pid] for pid in (process.pid, *process.above) if pid in of_pid), None)


def process(pid: int) -> Process | None:
    """None: it has ended, or is not ours to see."""
    try:
        found = psutil.Process(pid)
        above = tuple(p.pid for p in found.parents())
        name = clean(found.name(), 40)
        return Process(pid, name, spoken(found.cmdline(), 120) or name, round(found.create_time(), 1), above)
    except (psutil.Error, OSError):
        return None


def declared(service: Service) -> list[tuple[str, int]]:
    """(host, port) where the service says that it listens, as far as that is this machine."""
    found: dict[tuple[str, int], None] = {}
    if service.tcp is not None:
        host, _, port = service.tcp.rpartition(":")
        found[host, int(port)] = None
    if service.http is not None:
        url = urlsplit(service.http.url)
        with suppress(ValueError):  # no port that could be held
            found[url.hostname or "", url.port or DEFAULT.get(url.scheme, 80)] = None
    return [(host, port) for host, port in found if sockets.is_ours(host)]


class Ports:
    """Of one system; several threads may ask. `look_at`: a process by its pid; `holders`: who holds a socket."""

    def __init__(
        self, look_at: Callable[[int], Process | None] = process, holders: Holders | None = None
    ) -> None:
        self._look_at, self._holders = look_at, holders or Holders()
        self._fronts: dict[tuple[str, int], set[tuple[int, float]]] = {}
        self._accused: dict[tuple[str, int], Process] = {}
        self._unseen: dict[tuple[str, int], set[tuple[int, float]]] = {}  # as of the last look
        self._lock = threading.Lock()
        self._own: set[tuple[str, int]] = set()  # ports that were seen to be held by the unit itself

    def readings(self, services: Iterable[Service], units: Units, table: Table) -> list[Reading]:
        """One reading for each declared port: 1 where a stranger holds it."""
        with self._lock:
            return self._readings(services, units, table)

    def _readings(self, services: Iterable[Service], units: Units, table: Table) -> list[Reading]:
        held = self._holders.of(sock.inode for sock in table.listening)
        found = []
        for service in services if table.is_read else ():
            for host, port in declared(service) if service.unit in units.states else ():
                here = [s for s in table.listening if s.port == port and sockets.serves(s, host)]
                seen = [process for sock in here for process in self._behind(sock, held[sock.inode])]
                stranger = self._stranger(service, port, seen, units)
                text = _words(service, port, stranger, seen, units)
                found.append(Reading(service.name, METRIC, float(stranger is not None), text, str(port)))
        return found

    def _behind(self, sock: Listening, pids: Sequence[int]) -> list[Process]:
        found = [p for p in map(self._look_at, pids) if p is not None]
        return found or [Process(0, "", f"{UNSEEN}, of user {sock.uid}", float(sock.inode))]

    def _stranger(self, service: Service, port: int, seen: list[Process], units: Units) -> Process | None:
        """Who holds the port and is not of the unit; None where one of them is, or belongs before it."""
        at, state = (service.name, port), units.states[service.unit or ""]
        accused = self._accused.pop(at, None)
        if any(units.of(p) == service.unit for p in seen):
            self._own.add(at)
            return None
        if not seen or any(self._belongs(p, service, state, units) for p in seen):
            return None
        fronts = self._fronts.setdefault(at, set())
        known, self._unseen[at] = self._unseen.get(at, set()), {p.id for p in seen if not p.pid}
        # whose socket nobody has any more ends this moment: perhaps the unit's own, at its last try to start
        strangers = [p for p in seen if p.id not in fronts and (p.pid or p.id in known)]
        if not strangers:
            return None
        runs = state.pid is not None and state.state == RUNNING
        settled = bool(state.started_at) and units.now - (state.started_at or 0.0) >= SETTLED_S
        if runs and (accused is None or accused.id not in {p.id for p in strangers}):
            if settled and at not in self._own:
                fronts.update(p.id for p in strangers)
            if not settled or at not in self._own:
                return None
        self._accused[at] = strangers[0]
        return strangers[0]

    def _belongs(self, process: Process, service: Service, state: UnitState, units: Units) -> bool:
        unit = units.of(process)
        carries = unit is not None and units.names.get(unit) in units.carriers.get(service.name, ())
        if carries or process.name in FORWARDERS:
            return True
        own = self._look_at(state.pid) if state.pid else None
        return process.pid == 1 or (own is not None and process.pid in own.above)


def _words(
    service: Service, port: int, stranger: Process | None, seen: Sequence[Process], units: Units
) -> str:
    if stranger is None:
        return f"port {port} is held by {seen[0]}" if seen else f"nobody listens on port {port}"
    unit = units.of(stranger)
    whose = f", of {units.names.get(unit, unit)}" if unit is not None else ""
    return f"port {port} is held by {stranger}{whose}, which is not of {service.name}"
