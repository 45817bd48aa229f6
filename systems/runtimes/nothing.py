"""The driver that drives nothing: a system that runs elsewhere, is watched by its probes, and has no units."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .base import ExecResult, Lines, RuntimeEvent, RuntimeFailed, Said, Specs, Units, UnitState, UnitStats

WHY = (
    "this system is only watched (`runtime: {driver: none}`), so it has no units that could be seen or driven"
)


class NoRuntime:
    """Lists nothing; whatever needs a unit is refused and says why."""

    driver = "none"
    here = False

    def __init__(self, options: Mapping[str, Any], base_dir: Path) -> None:
        if options:
            given = ", ".join(sorted(map(str, options)))
            raise RuntimeFailed(f"runtime: the driver none takes no options, and there are: {given}")

    def _refuse(self, unit: str) -> NoReturn:
        raise RuntimeFailed(f"there is no unit {unit!r}: {WHY}")

    def list(self) -> Units:
        return []

    def specs(self) -> Specs:
        return {}

    def state(self, unit: str) -> UnitState:
        self._refuse(unit)

    def start(self, unit: str, fence: int | None = None) -> UnitState:
        self._refuse(unit)

    def stop(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        self._refuse(unit)

    def restart(self, unit: str, fence: int | None = None, grace_s: float | None = None) -> UnitState:
        self._refuse(unit)

    def kill(self, unit: str, fence: int | None = None) -> None:
        self._refuse(unit)

    def signal(self, unit: str, sig: str, fence: int | None = None) -> None:
        self._refuse(unit)

    def pause(self, unit: str, fence: int | None = None) -> None:
        self._refuse(unit)

    def resume(self, unit: str, fence: int | None = None) -> None:
        self._refuse(unit)

    def exec(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult:
        self._refuse(unit)

    def logs(self, unit: str, tail: int = 100) -> Lines:
        self._refuse(unit)

    def logs_since(self, unit: str, cursor: str | None) -> tuple[Said, str]:
        self._refuse(unit)

    def stats(self, unit: str) -> UnitStats | None:
        self._refuse(unit)

    def nearby(self, unit: str) -> bool:
        self._refuse(unit)

    def limits(self, unit: str, memory_mb: float | None, fence: int | None = None) -> UnitState:
        self._refuse(unit)

    def release(self, unit: str, version: str, fence: int | None = None) -> UnitState:
        self._refuse(unit)

    def scale(self, unit: str, n: int, fence: int | None = None) -> Units:
        self._refuse(unit)

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Nothing happens here, for ever: whoever listens is not to ask again and again."""
        await asyncio.Event().wait()
        yield RuntimeEvent("state", "")  # never: it makes this a stream
