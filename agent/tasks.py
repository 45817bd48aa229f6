"""Celery tasks of the agent: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from agent import loop


@shared_task(name="agent.advance", ignore_result=True)
def advance(run_id: int) -> None:
    loop.advance(run_id)
