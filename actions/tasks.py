"""Celery wake-ups. Losing or repeating any of them changes only when things happen."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.db import transaction

log = logging.getLogger(__name__)


@shared_task(name="actions.execute", ignore_result=True)
def execute_request(request_id: str) -> None:
    from actions import service

    service.execute(request_id)


@shared_task(name="actions.sweep", ignore_result=True)
def sweep() -> None:
    from actions import service

    service.sweep()


def wake(request_id: UUID) -> None:
    """Ask a worker to run the request once the transaction is committed; the sweeper finds it if this is lost."""

    def send() -> None:
        try:
            execute_request.apply_async(args=[str(request_id)], retry=False)
        except Exception as error:  # the broker may be down: whatever it raises, the sweeper runs the request
            log.warning("wake-up for %s lost, the sweeper will run it: %s", request_id, error)

    transaction.on_commit(send)
