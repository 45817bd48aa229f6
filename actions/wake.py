"""Asks a worker to run a request. By name, so that the gate does not import its own tasks."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)


def wake(request_id: UUID) -> None:
    """Ask a worker to run the request once the transaction is committed; the sweeper finds it if this is lost."""

    def send() -> None:
        try:
            current_app.send_task("actions.execute", args=[str(request_id)], retry=False)
        except Exception as error:  # the broker may be down: whatever it raises, the sweeper runs the request
            log.warning("wake-up for %s lost, the sweeper will run it: %s", request_id, error)

    transaction.on_commit(send)
