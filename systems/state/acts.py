"""What we did ourselves: our requests as acts of the ledger, by which their traces are known as ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from systems.models import ChangeRow
from systems.state.types import REQUESTS, Change

SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Done:
    """One request of ours: what it was to touch, and from when to when it ran (None: it still does)."""

    touched: frozenset[str]
    began: datetime
    ended: datetime | None

    def did(self, change: Change) -> bool:
        """Whether the change is where it acted, and while it did."""
        if change.source == REQUESTS or change.component not in self.touched:
            return False
        first, last = change.last_old, change.first_new
        if change.written_at is not None:
            first = last = change.written_at
        return first <= (self.ended or last) + SLACK and last >= self.began - SLACK


def began(
    system_id: int, ref: str, component: str, touched: Sequence[str], words: str, at: datetime, what: str
) -> None:
    """A request of ours is about to take effect. The same `ref` again changes nothing."""
    ChangeRow.objects.bulk_create(
        [
            ChangeRow(
                system_id=system_id, component=component[:80], kind="act", what=what[:300], last_old=at, first_new=at,
                source=REQUESTS, actor="ours", ref=ref, words=words[:500], pending=True,
                touched=sorted({component, *touched}),
            )
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def ended(system_id: int, ref: str, at: datetime, outcome: str) -> None:
    """It is over; `outcome` is its status."""
    ChangeRow.objects.filter(system_id=system_id, source=REQUESTS, ref=ref).update(
        first_new=at, after=outcome, pending=False
    )


def done_by(system_id: int, since: datetime, until: datetime) -> list[Done]:
    """What of ours was going on from `since` to `until`."""
    rows = ChangeRow.objects.filter(system_id=system_id, source=REQUESTS, last_old__lte=until + SLACK)
    rows = rows.filter(first_new__gte=since - SLACK) | rows.filter(pending=True)
    return [
        Done(frozenset(row.touched), row.last_old, None if row.pending else row.first_new) for row in rows
    ]
