"""The states of a request. The one place that changes `status`: a compare-and-set against this table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from actions.models import ActionRequest, Status

S = Status
TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.WAITING: frozenset({S.APPROVED, S.REJECTED, S.CANCELLED}),
    S.APPROVED: frozenset({S.RUNNING, S.WAITING, S.CANCELLED}),  # one that nobody used in time waits again
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.SUCCEEDED, S.FAILED}),
    S.SUCCEEDED: frozenset({S.ROLLED_BACK}),  # by the request that undoes it, when that has succeeded
    S.FAILED: frozenset({S.ROLLED_BACK}),
    S.REFUSED: frozenset(),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.ROLLED_BACK: frozenset(),
}
UNCOMPLETED = (S.RUNNING, S.UNKNOWN)
FINAL = frozenset(s for s in S if s not in UNCOMPLETED and s not in (S.WAITING, S.APPROVED))


class IllegalTransition(RuntimeError):
    """The table does not have this move: a mistake in the program."""


def transition(request_id: UUID, old: Status | Iterable[Status], new: Status, **fields: Any) -> bool:
    """Move a request from one of `old` to `new` if it still is there; False when somebody else was faster.

    `fields` are written in the same UPDATE."""
    sources = [old] if isinstance(old, Status) else list(old)
    for source in sources:
        if new not in TRANSITIONS[source]:
            raise IllegalTransition(f"{source} -> {new}")
    moved = ActionRequest.objects.filter(pk=request_id, status__in=sources).update(status=new, **fields)
    return moved == 1
