"""Units of the runtime: how each is run, how much it may take, which release it is, when it was started or stopped."""

from __future__ import annotations

import resource

from systems.manifest import Service
from systems.runtimes.base import RuntimeError_, Setting, UnitState
from systems.services import LoadedSystem
from systems.state import masking
from systems.state.facts import Fact, Facts, Read
from systems.state.sources.threaded import Threaded
from systems.state.types import RUNTIME

LIMITS = ("memory limit", "cpus", "cpu shares", "processes", "replicas")
STARTED, BACK = "was started anew", "was started again by its runtime, after it had ended by itself"


class Units(Threaded):
    name = "units"
    every_s = 3.0

    def __init__(self, system: LoadedSystem) -> None:
        super().__init__(system)
        self._restarts: dict[str, int] = {}
        self._known: Read = {}
        self.fd_limits: dict[str, int] = {}  # of services whose processes can be seen from here

    def look(self) -> Read:
        """All units, blocking. RuntimeFailed when the runtime does not answer."""
        states = {state.unit: state for state in self.system.runtime.list()}
        try:
            specs = self.system.runtime.specs()
        except RuntimeError_:  # a supervisor of an earlier version
            specs = {}
        read: Read = {}
        for name, service in self.system.services.items():
            if service.unit in states:
                read[name, "unit"] = self._unit(service, states[service.unit])
                if (most := self._open_files(states[service.unit])) is not None:
                    self.fd_limits[name] = most
                    read[name, "process"] = {"open files": Fact(str(most), "limit")}
            if service.unit in specs:
                read[name, "spec"] = {w: _spec(w, v) for w, v in specs[service.unit].items()}
        for area, facts in read.items():
            if self._known.get(area) == facts:
                read[area] = self._known[area]
        self._known = read
        return read

    def _open_files(self, state: UnitState) -> int | None:
        """How many files its process may have open. None: not known from here."""
        if state.pid is None or not self.system.runtime.nearby(state.unit):
            return None
        return _limit_of(state.pid)

    def _unit(self, service: Service, state: UnitState) -> Facts:
        before = self._restarts.get(state.unit, state.restarts)
        self._restarts[state.unit] = state.restarts
        facts: Facts = {
            "stopped": Fact(str(int(state.state == "STOPPED")), "act", act="was stopped"),
            "memory limit": Fact(
                f"{state.memory_limit_mb:g} MB" if state.memory_limit_mb else "none", "limit"
            ),
        }
        if state.started_at is not None:
            at = state.started_at
            words, by = (BACK, RUNTIME) if state.restarts > before else (STARTED, "")
            known = self._known.get((service.name, "unit"), {}).get("run")
            if known is not None and known.value == f"{at:.4f}":
                facts["run"] = known
            else:
                facts["run"] = Fact(f"{at:.4f}", "act", effective_at=at, act=words, actor=by)
        if state.release is not None and not (service.release and service.release.link):
            facts["release"] = Fact(state.release, "release")
        return facts


def _limit_of(pid: int) -> int | None:
    try:
        return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    except (OSError, ValueError):
        return None


def _spec(what: str, setting: Setting) -> Fact:
    value = setting.coming or setting.value
    kind = "limit" if what in LIMITS else "release" if what == "image" else "spec"
    name = what.partition(": ")[2] if what.startswith("environment: ") else ""
    hidden = masking.is_secret(name or what, value) or bool(name and not masking.plain(value))
    return Fact(setting.value, kind, hidden, coming=setting.coming)
