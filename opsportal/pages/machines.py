"""The line about the machine that the units run on: how busy it is, and what it has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from incidents.health import Health
from incidents.picture import Picture
from systems.services import LoadedSystem

DISKS = 3  # the fullest ones


@dataclass(frozen=True)
class Machine:
    """`words`: figures as read; `why`: what is wrong, "" when nothing is."""

    name: str
    health: Health
    words: str

    @property
    def why(self) -> str:
        return self.health.reason


def told(loaded: LoadedSystem | None, picture: Picture) -> list[Machine]:
    """One per machine that was looked at; none where the units are of another."""
    found = []
    for name in loaded.graph.runs if loaded is not None else ():
        mine = [s for s in picture.states if s.service == name and s.reading_value is not None]
        words = _words({s.signal: s for s in mine if not s.label}, [s for s in mine if s.label])
        if words:
            found.append(Machine(name, picture.of(name), words))
    return found


def _words(by_signal: dict[str, Any], labelled: list[Any]) -> str:
    parts = []
    if cpu := by_signal.get("host_cpu_saturated"):
        parts.append(f"{cpu.reading_value:.0f} % CPU, {cpu.text.partition(';')[0]}")
    if memory := by_signal.get("host_memory_gone"):
        parts.append(f"memory: {memory.text.partition(';')[0]}")
    disks = [s for s in labelled if s.signal == "host_disk_full"]
    disks.sort(key=lambda s: -s.reading_value)
    parts += [f"{s.label} {s.reading_value:.0f} % full" for s in disks[:DISKS]]
    return "; ".join(parts)
