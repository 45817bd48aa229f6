"""One source, looked at as the ledger looks at it, without its rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from systems import redact
from systems.services import LoadedSystem
from systems.state.facts import Source
from systems.state.settled import Settled
from systems.state.types import Change


@dataclass
class Looking:
    system: LoadedSystem
    source: Source
    settled: Settled = field(init=False)
    peace: bool = True
    mine: Callable[[Change], bool] = lambda _: True  # of a server that others use too

    def __post_init__(self) -> None:
        self.settled = Settled(self.source.name)

    async def __call__(self) -> list[Change]:
        """What is different since the last call."""
        began = time.time()
        read = self.source.last = await self.source.read()
        if self.settled.same(read, began):
            return []
        found = self.settled.take(
            read,
            began,
            time.time(),
            lambda: redact.for_system(self.system),
            peace=self.peace,
            pinned=self.source.pinned,
        )
        return [change for change in found if self.mine(change)]

    async def words(self) -> list[str]:
        return [change.words for change in await self()]
