"""One uncompleted action per service, each with a higher token than the last.

A request holds the Fence row of every service it touches from its claim to its end. Tokens start from the clock, so
that they keep rising when the portal's database is made anew while the runtime remembers old ones.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import connection

from actions.base import Busy
from actions.models import ActionRequest, Fence


def db_now() -> datetime:
    """The database's clock, moving even within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def hold(request: ActionRequest, names: list[str]) -> int:
    """Take all `names` for this request or raise Busy; returns the new token. Call inside a transaction."""
    wanted = sorted({request.target, *names})
    Fence.objects.bulk_create(
        [Fence(system_id=request.system_id, target=name) for name in wanted], ignore_conflicts=True
    )
    # Nothing is joined: after waiting for a lock Postgres gives the new row beside the holder it had before the wait.
    rows = list(
        Fence.objects.select_for_update()
        .filter(system_id=request.system_id, target__in=wanted)
        .order_by("target")
    )
    held = [row.held_by_id for row in rows if row.held_by_id not in (None, request.pk)]
    if held:
        holder = ActionRequest.objects.get(pk=held[0])
        raise Busy(f"{holder.deed} is still {holder.get_status_display().lower()}")
    token = max([*(row.token for row in rows), int(db_now().timestamp() * 1000) - 1]) + 1
    Fence.objects.filter(pk__in=[row.pk for row in rows]).update(token=token, held_by=request)
    return token


def release(request: ActionRequest) -> None:
    """Let go of everything the request holds. Part of the transaction that ends it."""
    Fence.objects.filter(held_by=request).update(held_by=None)


def guard(request: ActionRequest, token: int) -> Callable[[], None]:
    """A check to make just before an effect: raises Busy when the request no longer holds its target."""

    def check() -> None:
        held = Fence.objects.filter(held_by=request, token=token, target=request.target).exists()
        if not held:
            raise Busy("another action took this target over while this one was paused")

    return check
