"""The ledger of a system, read by hand: what is different is written as the watcher writes it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from actions import service
from actions.models import ActionRequest, Status
from systems import redact
from systems.models import ChangeRow
from systems.services import LoadedSystem
from systems.state import kept
from systems.state.facts import Read
from systems.state.originals import Originals
from systems.state.settled import Settled
from systems.state.sources import settable


@dataclass
class Ledger:
    """`names`: its sources. Each call reads them once; the rows of what is different since the last."""

    system: LoadedSystem
    names: tuple[str, ...]
    settled: dict[str, Settled] = field(default_factory=dict)

    def __call__(self) -> dict[str, ChangeRow]:
        assert self.system.id is not None
        known = set(ChangeRow.objects.values_list("pk", flat=True))
        for name in self.names:
            settled, began = self.settled.setdefault(name, Settled(name)), time.time()
            read = asyncio.run(self._read(name))
            hide = redact.for_system(self.system)
            Originals(self.system).keep(read)
            kept.note(self.system.id, settled.take(read, began, time.time(), lambda: hide))  # noqa: B023
        # what ran out has the name of the value that says until when
        return {row.what: row for row in ChangeRow.objects.exclude(pk__in=known).order_by("area", "pk")}

    async def _read(self, name: str) -> Read:
        source = settable(self.system, name)
        assert source is not None
        try:
            return await source.read()
        finally:
            await source.close()


def ask(row: ChangeRow, by: str = "agent", **more: Any) -> ActionRequest:
    params = {"change": str(row.pk)}
    return service.propose("tiny", "revert-change", row.component, params, requested_by=by, **more)


def taken_back(row: ChangeRow, decider: Any, by: str = "agent", **more: Any) -> ActionRequest:
    request = ask(row, by, **more)
    if request.status == Status.WAITING:
        request = service.decide(request.pk, decider, True)
    assert request.status == Status.APPROVED, request.status_why
    return service.execute(request.pk)


def refused(row: ChangeRow, by: str = "agent", **more: Any) -> str:
    """Why it is not done."""
    request = ask(row, by, **more)
    assert request.status == Status.REFUSED, request.status
    return request.status_why
