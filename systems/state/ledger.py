"""What is in the ledger, for whoever reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from systems.models import ChangeRow
from systems.state.types import Change

MOST = 500  # of one question


def changes_between(
    system_id: int, since: datetime, until: datetime, *, components: Iterable[str] | None = None
) -> list[Change]:
    """What may have happened from `since` to `until` (its interval touches theirs), oldest first; of more than `MOST`
    the latest."""
    rows = ChangeRow.objects.filter(system_id=system_id, first_new__gte=since, last_old__lte=until)
    if components is not None:
        rows = rows.filter(component__in=list(components))
    return [change_of(row) for row in reversed(rows.order_by("-first_new", "-pk")[:MOST])]


def recent(system_id: int, limit: int = 50) -> list[Change]:
    """The latest changes of a system, newest first."""
    rows = ChangeRow.objects.filter(system_id=system_id).order_by("-first_new", "-pk")
    return [change_of(row) for row in rows[: min(limit, MOST)]]


def change_of(row: ChangeRow) -> Change:
    return Change(
        id=str(row.pk),
        component=row.component,
        kind=row.kind,
        what=row.what,
        before=row.before,
        after=row.after,
        last_old=row.last_old,
        first_new=row.first_new,
        written_at=row.written_at,
        effective_at=row.effective_at,
        source=row.source,
        owner=row.owner,
        actor=row.actor,
        words=row.words,
        pending=row.pending,
        ref=row.ref,
    )
