"""Celery tasks of the chaos panel: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from chaos import service


@shared_task(name="chaos.run", ignore_result=True)
def run(injection_id: str) -> None:
    service.run(injection_id)
