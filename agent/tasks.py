"""Celery tasks of the agent: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from agent import followups, loop


@shared_task(name="agent.advance", ignore_result=True)
def advance(run_id: int) -> None:
    loop.advance(run_id)


@shared_task(name="agent.followups", ignore_result=True)
def follow_up() -> None:
    followups.sweep()


def look_at_follow_ups(every_s: float) -> None:
    """Have a worker look, where there is anything to look at."""
    if followups.is_owed():
        follow_up.apply_async(expires=every_s, retry=False)
