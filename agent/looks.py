"""Waiting by evidence: what counts is how many fresh pictures have been looked at, not how many seconds went by."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.case import Case
from incidents.findings import Finding, Opinion
from incidents.verdict import ACT_AT

# Of evidence time: pictures that an event pushed in between are no looks of their own.
APART = timedelta(seconds=0.6)
LEDGER_LOOKS = 2  # by then, which is before anything is done, the ledger has mostly seen what was changed
# Looks in a row with the same leader: a crash is told from a death when restarts end.
STEADY, STEADY_UNSURE = 2, 3
SURE_AT = (
    0.90  # at this it need not be asked about further, and what a second look may bring need not be awaited
)


def is_fresh(picture: datetime | None, last: datetime | None) -> bool:
    """Whether the picture taken then is a look of its own after the one taken `last`."""
    return picture is not None and (last is None or picture - last >= APART)


def is_awaited(leader: Finding, case: Case) -> bool:
    """Whether the next look is waited for before it is called the cause: at first sight not all has shown itself, and
    a process ends before its files have been read again; only what was changed and is known to be the reason needs no
    second look. What comes in the place of another that was likely enough may be as short-lived. Nothing is done
    later for it: see `asked_of`."""
    if case.looks.leader not in ("", leader.key):
        return True
    if case.looks.all >= LEDGER_LOOKS:
        return False
    return leader.probability < SURE_AT or not leader.change_id


def is_called(leader: Finding, case: Case) -> bool:
    """Whether it is likely enough to be called the cause, and no look is waited for."""
    return leader.probability >= ACT_AT and not is_awaited(leader, case)


def asked_of(finding: Finding) -> int:
    """In how many looks in a row it has to be likely enough before it is acted on."""
    return STEADY if finding.probability >= SURE_AT else STEADY_UNSURE


def count(case: Case, found: Opinion) -> None:
    """One more fresh look with the same leader, and with whatever else is likely enough."""
    looks = case.looks
    looks.counted = case.picture
    looks.steady += 1
    likely = [f.key for f in found.findings if f.probability >= ACT_AT]
    looks.held = {key: looks.held.get(key, 0) + 1 for key in likely}


def steady_of(case: Case) -> list[Finding]:
    """Of the findings the leader, and what has been likely enough for as many looks as are asked of a leader: what has
    only just come up beside it may be another trouble, and is told apart first."""
    held, leader = case.looks.held, case.looks.leader
    return [f for f in case.findings if f.key == leader or held.get(f.key, 0) >= asked_of(f)]
