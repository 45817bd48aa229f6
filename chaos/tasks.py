"""Celery tasks of the chaos panel: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from chaos import service


@shared_task(name="chaos.run", ignore_result=True)
def run(injection_id: str) -> None:
    service.run(injection_id)


def send_again(least_s: float) -> None:
    """Presses whose message was lost, a broker's restart say, go in late instead of never: `run` is safe to repeat."""
    for injection_id in service.waiting(least_s):
        run.apply_async(args=[injection_id], expires=least_s, retry=False)
