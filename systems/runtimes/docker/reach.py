"""The processes of containers: past the engine where they are of this machine and ours to see, else through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..base import NotRunning, UnitStats
from ..proctable import ProcTable
from .engine import Engine, Raw
from .look import EngineStats, send, send_inside, visible


class Reach:
    """`mark`: as Engine.inspect_all wants it."""

    def __init__(self, engine: Engine, mark: Callable[[str], int]) -> None:
        self._engine, self._mark = engine, mark
        self._table, self._far = ProcTable(), EngineStats()
        self._near = False

    def near(self) -> bool:
        """Are they of this machine, under the pids that the engine tells? Known once any was seen: it is the same for
        all of an engine."""
        if not self._near and self._engine.local:
            raws = self._engine.inspect_all(self._mark).values()
            self._near = any(visible(raw["State"].get("Pid"), raw["Id"]) for raw in raws)
        return self._near

    def send(self, unit: str, raw: Raw, number: int) -> bool:
        """A signal past the engine, where that is possible and ours to do. NotRunning: it has just ended."""
        pid, container = raw["State"]["Pid"], raw["Id"]
        if self._engine.local and send(pid, container, number):
            self._near = True
            return True
        if self.near() and not visible(pid, container):
            raise NotRunning(f"{unit} has just ended")
        return False

    def tell(self, unit: str, raw: Raw, number: int) -> None:
        """A signal that means no end. The engine's own would switch off the restarts that it promised, and is sent
        only where nothing else is possible."""
        container = raw["Id"]
        if not self.send(unit, raw, number) and not send_inside(self._engine.api, container, number):
            self._engine.api.kill(container, int(number))

    def stats(self, unit: str) -> UnitStats | None:
        """None when the unit is not running."""
        raw = self._engine.inspect(unit, fresh=False)
        if not visible(raw["State"].get("Pid"), raw["Id"]) and self.near():
            raw = self._engine.inspect(unit)  # it has ended since that look
        pid, container = raw["State"].get("Pid"), raw["Id"]
        if visible(pid, container):
            found = self._table.stats(pid)
        elif not pid or self.near():
            return None
        else:
            found = self._through_engine(unit, container, pid)
        frozen = found is not None and raw["State"].get("Paused")
        return replace(found, proc_state="T") if found and frozen else found

    def _through_engine(self, unit: str, container: str, pid: int) -> UnitStats | None:
        try:
            with self._engine.asking(f"stats {unit}"):
                return self._far.of(self._engine.api, container, pid)
        except NotRunning:
            return None
