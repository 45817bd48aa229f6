"""Waiting by evidence: what counts is how many fresh pictures have been looked at, not how many seconds went by."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.case import Case
from incidents.findings import Finding
from incidents.signals import CATALOG

# Of evidence time: pictures that an event pushed in between are no looks of their own.
APART = timedelta(seconds=0.6)
LEDGER_LOOKS = 2  # by then, which is before anything is done, the ledger has mostly seen what was changed


def is_fresh(picture: datetime | None, last: datetime | None) -> bool:
    """Whether the picture taken then is a look of its own after the one taken `last`."""
    return picture is not None and (last is None or picture - last >= APART)


def is_awaited(leader: Finding, case: Case) -> bool:
    """Whether it rests on something that was changed and that the ledger has not told of yet: the next look brings what
    it was, and which of several."""
    shown = any((found := CATALOG.get(e.signal)) is not None and found.changed for e in leader.pro)
    return shown and not leader.change_id and case.looks.ill < LEDGER_LOOKS
