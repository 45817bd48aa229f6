"""How a settled value stands at this moment, read by the very source that keeps the ledger, and whether it still is
what a change made of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from systems.models import ChangeRow
from systems.services import LoadedSystem
from systems.state import inverses, masking
from systems.state.facts import Fact
from systems.state.sources import settable


class NotRead(RuntimeError):
    """It cannot be told now how it stands; the message says why."""


@dataclass(frozen=True, slots=True)
class Present:
    """The value now; None: it is not there. `value` may hold a secret and never leaves the process as it is."""

    row: ChangeRow
    fact: Fact | None

    @property
    def value(self) -> str | None:
        return self.fact.value if self.fact is not None else None

    @property
    def mark(self) -> str:
        return self._mark(self.value)

    @property
    def is_as_changed(self) -> bool:
        """Whether it still is what the change made of it: in effect, or written and waiting for its next start."""
        coming = self.fact.coming if self.fact is not None else None
        return self.row.mark_after in ({self.mark} if coming is None else {self.mark, self._mark(coming)})

    @property
    def is_as_before(self) -> bool:
        return self.mark == self.row.mark_before and (self.fact is None or self.fact.coming is None)

    @property
    def is_put_back(self) -> bool:
        """As before, or as near to it as taking it back may go without losing what it holds."""
        row = self.row
        return self.is_as_before or (
            not row.mark_before and inverses.is_eased(row.area, row.what, self.value, None)
        )

    def _mark(self, value: str | None) -> str:
        return (
            masking.mark((self.row.component, self.row.area), self.row.what, value)
            if value is not None
            else ""
        )


def look(system: LoadedSystem, row: ChangeRow) -> Present:
    """How what the change is about stands now. NotRead when that cannot be told."""
    source = settable(system, row.source)
    if source is None or not row.area:
        raise NotRead(f"`{row.what}` of {row.component} is nothing that can be read again")

    async def ask() -> dict[str, Fact] | None:
        try:
            async with asyncio.timeout(source.timeout_s):
                return await source.read_area((row.component, row.area))
        finally:
            await source.close()

    try:
        facts = asyncio.run(ask())
    except Exception as error:  # whatever keeps us from it
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise NotRead(f"`{row.what}` of {row.component} cannot be read now: {why}") from error
    if facts is None:
        raise NotRead(f"`{row.what}` of {row.component} cannot be read now")
    return Present(row, facts.get(row.what))
