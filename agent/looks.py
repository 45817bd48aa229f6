"""Waiting by evidence: what counts is how many fresh pictures have been looked at, not how many seconds went by."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.case import Case
from incidents.findings import Finding
from incidents.signals import CATALOG
from incidents.verdict import ACT_AT

# Of evidence time: pictures that an event pushed in between are no looks of their own.
APART = timedelta(seconds=0.6)
LEDGER_LOOKS = 2  # by then, which is before anything is done, the ledger has mostly seen what was changed
SURE_AT = (
    0.90  # at this it need not be asked about further, and what a second look may bring need not be awaited
)


def is_fresh(picture: datetime | None, last: datetime | None) -> bool:
    """Whether the picture taken then is a look of its own after the one taken `last`."""
    return picture is not None and (last is None or picture - last >= APART)


def is_awaited(leader: Finding, case: Case) -> bool:
    """Whether the next look is waited for before it is called the cause: at first sight not all has shown itself; and
    of what rests on something that was changed the ledger has yet to tell what it was, and which of several."""
    if case.looks.ill >= LEDGER_LOOKS:
        return False
    shown = any((found := CATALOG.get(e.signal)) is not None and found.changed for e in leader.pro)
    return leader.probability < SURE_AT or (shown and not leader.change_id)


def is_called(leader: Finding, case: Case) -> bool:
    """Whether it is likely enough to be called the cause, and no look is waited for."""
    return leader.probability >= ACT_AT and not is_awaited(leader, case)
