"""The declared readings of one service, on a clock of the test's own."""

from __future__ import annotations

import asyncio

from systems.probes.declared import DeclaredProbe
from systems.readings import Reading
from systems.services import LoadedSystem
from tests.systems.helpers import Clock

Said = dict[tuple[str, str], Reading]  # by metric and label


class Bench:
    def __init__(self, system: LoadedSystem, service: str) -> None:
        self.clock, self.system, self.service = Clock(), system, service
        self.probe = DeclaredProbe(self.clock)

    async def look(self, ahead: float) -> Said:
        """Everything that is due once that many seconds have passed, answered."""
        self.clock.at += ahead
        found: Said = {}
        for _ in range(200):
            for r in await self.probe.observe(self.system, self.system.service(self.service)):
                if r.text != "no answer yet":
                    found[r.metric, r.label] = r
            if all(asked.job is None for asked in self.probe._asked[self.service]):
                break
            await asyncio.sleep(0.05)
        return found
