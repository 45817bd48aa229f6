"""Celery wake-ups. Losing or repeating any of them changes only when things happen."""

from __future__ import annotations

from celery import shared_task

from actions import audit_checking, service


@shared_task(name="actions.execute", ignore_result=True)
def execute_request(request_id: str) -> None:
    service.execute(request_id)


@shared_task(name="actions.sweep", ignore_result=True)
def sweep() -> None:
    service.sweep()


@shared_task(name="actions.verify_audit", ignore_result=True)
def verify_audit() -> None:
    audit_checking.run()
