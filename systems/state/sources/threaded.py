"""A source whose read blocks: it runs in a thread of its system, one at a time."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from concurrent.futures import Future

from systems import threads
from systems.services import LoadedSystem
from systems.state.facts import Read, Source


class Threaded(Source):
    def __init__(self, system: LoadedSystem) -> None:
        self.system = system
        self._running: Future[Read] | None = None

    async def read(self) -> Read:
        """TimeoutError while the last read still hangs: no second one is begun beside it."""
        if self._running is not None and not self._running.done():
            raise TimeoutError("the last read still hangs")
        self._running = threads.submit(self.system.slug, f"ledger-{self.name}", self.look)
        return await asyncio.wrap_future(self._running)

    @abstractmethod
    def look(self) -> Read:
        """Everything, blocking."""
